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
    judges = (JUDGE, replace(JUDGE, role="reward", fingerprint="sha256:cc"))
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
