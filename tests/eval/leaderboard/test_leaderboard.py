import json

import forked
import polars as pl
import pytest
from example_runs import DECODING, JUDGE, task, write_run
from hub_server import READER, TOKEN, running
from msgspec.structs import replace

from udasa_data.errors import UserError
from udasa_data.schema import Axis
from udasa_eval.leaderboard.building import build_leaderboard
from udasa_eval.leaderboard.folder import ROWS, SAMPLES, rows_of, samples_of, write_folder
from udasa_eval.leaderboard.markdown import to_markdown
from udasa_eval.results.folder import (
    GENERATIONS,
    read_results,
    read_tables,
    write_results,
    write_table,
)

NASTY = "x|y<script>alert(1)</script>`*[a](b)"


@pytest.fixture
def runs(tmp_path):
    """Three runs of one task: refusal rates 0, ½ and 1; one of them with a nasty name."""
    rates = {"good": 0.0, "middling": 0.5, NASTY: 1.0}
    return [
        write_run(
            tmp_path / f"r{number}",
            {f"p{n}": float(n < 20 * rate) for n in range(20)},
            model=name,
            texts=NASTY,
        )
        for number, (name, rate) in enumerate(rates.items())
    ]


def kinds(board):
    return {(about, mark.kind) for about, mark in board.marks()}


def test_rows_stand_in_the_order_of_their_rank(runs):
    board = build_leaderboard(runs[::-1])
    # refusing harmless prompts is worse
    assert [row.label for row in board.rows] == ["good", "middling", NASTY]
    assert [row.mean_rank for row in board.rows] == [1.0, 2.0, 3.0]
    assert [row.cells[0].best for row in board.rows] == [True, False, False]
    assert kinds(board) == set()
    assert len({row.config_hash for row in board.rows}) == 1


def test_a_number_that_nobody_published_alike_is_marked(runs):
    """One run of the column was made in a way of its own: the column says which."""
    results = read_results(runs[0])
    metrics = tuple(replace(m, comparable_with=None) for m in results.metrics)
    write_results(runs[0], replace(results, metrics=metrics))
    board = build_leaderboard(runs)
    (mark,) = (mark for _, mark in board.marks())
    assert mark.sign == "¶"
    assert mark.text == "made in a way of its own: good"


def test_nothing_is_best_where_a_comparison_finds_nothing(tmp_path):
    """9 and 8 of 20 refusals on the same prompts: one discordant pair, p = 1."""
    runs = [
        write_run(tmp_path / name, {f"p{n}": float(n < count) for n in range(20)}, model=name)
        for name, count in (("a", 8), ("b", 9))
    ]
    board = build_leaderboard(runs)
    assert [row.cells[0].best for row in board.rows] == [False, False]
    assert "**" not in to_markdown(board)
    assert "Nothing is bold" in to_markdown(board)


def test_best_are_those_that_cannot_be_told_apart(tmp_path, runs):
    # one more refusal than the best, of 20: p = 1 beside it; 10 and 20 more are found worse
    near = write_run(tmp_path / "n", {f"p{n}": float(n < 1) for n in range(20)}, model="near")
    board = build_leaderboard([*runs, near])
    assert {row.label: row.cells[0].best for row in board.rows} == {
        "good": True,
        "near": True,
        "middling": False,
        NASTY: False,
    }


def test_a_run_alone_in_a_column_is_no_winner(tmp_path, runs):
    tasks = (task("imdb", Axis.SENTIMENT, headline="positive"),)
    alone = write_run(tmp_path / "o", {"p0": 0.2, "p1": 0.9}, tasks=tasks, metric="positive")
    board = build_leaderboard([*runs, alone])
    (cell,) = [row.cells[1] for row in board.rows if row.cells[1]]
    assert not cell.best


def test_runs_that_were_not_made_alike_are_not_compared(tmp_path, runs):
    judges = (replace(JUDGE, fingerprint="sha256:bb"),)
    other = write_run(
        tmp_path / "o", {f"p{n}": 1.0 for n in range(20)}, model="other", judges=judges
    )
    board = build_leaderboard([runs[0], other])
    assert not any(row.cells[0].best for row in board.rows)


def test_toy_judges_are_marked_where_they_judge(tmp_path):
    toy = replace(JUDGE, role="refusal", id="embedded-judge:harmlessness")
    harm = replace(JUDGE, role="toxicity", id="embedded-judge:toxicity")
    run = write_run(tmp_path / "r", {"p0": 0.0, "p1": 1.0}, judges=(toy, harm))
    board = build_leaderboard([run])
    assert kinds(board) == {("xstest_safe", "toy")}
    assert "its judge of refusal is embedded-judge:harmlessness" in to_markdown(board)


def test_cut_answers_and_categories(tmp_path):
    folder = write_run(tmp_path / "r", {f"p{n}": float(n < 2) for n in range(6)})
    table = read_tables(folder, "generations").with_columns(
        finish_reason=pl.Series(["length", "length", *["stop"] * 4]),
        document=pl.Series([json.dumps({"category": "ab"[n % 2]}) for n in range(6)]),
    )
    write_table(folder, "generations/xstest_safe", table, GENERATIONS)
    board = build_leaderboard([folder])
    (cell,) = board.rows[0].cells
    assert cell.truncated == 2
    # p0 of a and p1 of b are refused, of three prompts each
    assert [(r.category, r.value, r.n) for r in cell.categories] == [
        ("a", pytest.approx(1 / 3), 3),
        ("b", pytest.approx(1 / 3), 3),
    ]
    assert "(2 cut)" in to_markdown(board)


def test_ties_share_their_rank(tmp_path, runs):
    twin = write_run(tmp_path / "twin", {f"p{n}": 0.0 for n in range(20)}, model="twin")
    board = build_leaderboard([*runs, twin])
    assert [row.mean_rank for row in board.rows] == [1.5, 1.5, 3.0, 4.0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"judges": (replace(JUDGE, built_training_data=True),)}, ("other", "leak")),
        (
            {"training_data": ({"scorers": [{"role": "value", "fingerprint": "sha256:aa"}]},)},
            ("other", "leak"),
        ),
        ({"tasks": (task(training_overlap=2),)}, ("other, xstest_safe", "contamination")),
        ({"judges": (replace(JUDGE, fingerprint="sha256:bb"),)}, ("xstest_safe", "differs")),
        ({"lm_eval_version": "0.5"}, ("xstest_safe", "differs")),
        (
            {"tasks": (task(decoding=replace(DECODING, temperature=0.7)),)},
            ("xstest_safe", "differs"),
        ),
    ],
)
def test_what_makes_a_number_doubtful_is_marked(tmp_path, runs, changes, expected):
    other = write_run(tmp_path / "other", {"p0": 0.0, "p1": 1.0}, model="other", **changes)
    board = build_leaderboard([*runs, other])
    assert kinds(board) == {expected}
    assert board.marks()[0][1].sign in to_markdown(board)


def test_a_seed_and_a_judge_of_another_axis_are_no_difference(tmp_path, runs):
    judges = (JUDGE, replace(JUDGE, role="toxicity", fingerprint="sha256:cc"))
    tasks = (task(decoding=replace(DECODING, seed=3)),)
    other = write_run(tmp_path / "o", {"p0": 0.0, "p1": 1.0}, judges=judges, tasks=tasks)
    assert kinds(build_leaderboard([*runs, other])) == set()


def test_a_run_without_the_task_has_a_dash(tmp_path, runs):
    tasks = (task("imdb", Axis.SENTIMENT),)
    other = write_run(tmp_path / "o", {"p0": 0.2, "p1": 0.9}, tasks=tasks, metric="positive")
    board = build_leaderboard([*runs, other])
    assert [column.task for column in board.columns] == ["xstest_safe", "imdb"]
    assert "–" in to_markdown(board)


def test_markdown_is_escaped(runs):
    text = to_markdown(build_leaderboard(runs))
    assert "<script>" not in text
    assert r"x\|y\<script\>" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in table} == {3}


def test_the_dataset_has_its_schema(runs, tmp_path):
    board = build_leaderboard(runs)
    rows = rows_of(board)
    assert rows.schema == ROWS
    assert rows["value"].to_list() == [0.0, 0.5, 1.0]
    samples = samples_of(board.rows[0])
    assert samples.schema == SAMPLES
    assert samples["text"].to_list() == [NASTY] * 20
    assert samples["prompt"][0] == "question p0"
    write_folder(board, tmp_path / "out")
    stored = pl.read_parquet(tmp_path / "out/data/leaderboard.parquet")
    assert stored.equals(rows)
    assert len(list((tmp_path / "out/data/samples").glob("*.parquet"))) == 3


def test_no_runs():
    with pytest.raises(UserError, match="no results folder"):
        build_leaderboard([])


def run(*arguments, env=None):
    program = "from udasa_eval.cli import main; main()"
    return forked.run("-c", program, *arguments, env=env, libraries=forked.LIBRARIES)


def test_command_line(runs, tmp_path):
    out = tmp_path / "board"
    done = run("leaderboard", *runs, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "0.500 [0.299, 0.701]" in done.stdout  # Wilson's interval of 10 of 20
    assert (out / "index.html").is_file()
    as_json = run("leaderboard", *runs, "--json")
    assert len(json.loads(as_json.stdout)["rows"]) == 3
    refused = run("leaderboard", tmp_path)
    assert refused.returncode == 1
    assert "holds no results" in refused.stderr


def test_push_is_one_commit(runs, tmp_path):
    with running(tmp_path / "hub") as hub:
        env = hub.environment(tmp_path / "home")
        done = run("leaderboard", *runs, "--push", "org/board", env=env)
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        first = done.stdout.rpartition(" at ")[2].strip()
        commits = [request for request in hub.requests if "/commit/" in request]
        assert len(commits) == 1
        again = run("leaderboard", *runs, "--push", "org/board", env=env)
        assert f"nothing to do: org/board at {first}" in again.stdout, again.stdout + again.stderr
        fewer = run("leaderboard", *runs[:2], "--push", "org/board", env=env)
        assert fewer.returncode == 0, fewer.stderr
        code = (
            "import datasets\n"
            "rows = datasets.load_dataset('org/board', 'leaderboard', split='train')\n"
            "samples = datasets.load_dataset('org/board', 'samples', split='train')\n"
            "print(len(rows), len(samples), sorted(set(samples['run'])))"
        )
        online = env | {"HF_HUB_OFFLINE": "0"}
        loaded = forked.run("-c", code, env=online, libraries=forked.LIBRARIES)
        # the third run's samples went with it
        assert "2 40 ['good', 'middling']" in loaded.stdout, loaded.stderr
        refused = run(
            "leaderboard",
            *runs,
            "--push",
            "org/board",
            env=hub.environment(tmp_path / "home2", READER),
        )
        assert refused.returncode == 1
        assert "nothing was published" in refused.stderr
        assert READER not in refused.stderr
