"""The commands as functions: prompts as rows, results as tables, errors that speak of the call."""

import datasets
import pandas as pd
import polars as pl
import pytest
from docs_snippets import snippets

import udasa_data
from udasa_data import UserError
from udasa_data.runs import LOG

QUESTIONS = [f"What is {n} and {n + 1}?" for n in range(6)]
FAST = {"samples": 4, "max_tokens": 12, "progress": False}
EVERY_PAIR = {
    "pairing": {"noise_z": 0, "tolerance": 1, "veto": 1, "reject_truncated": True},
    "held_out": 0.3,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("calls") / "run"
    return udasa_data.build("tiny", prompts=QUESTIONS, out=out, **FAST, **EVERY_PAIR)


def test_the_results_are_tables(built):
    assert isinstance(built.pairs(), pl.DataFrame)
    assert len(built.pairs()) == built.summary.counts.pairs > 0
    samples = built.samples()
    assert len(samples) == 6 * 4
    asked = samples["prompt"].list.first().struct["content"].unique().to_list()
    assert sorted(asked) == sorted(QUESTIONS)
    whole = built.summary.counts.dropped
    assert len(built.dropped()) == sum(n for whys in whole.values() for n in whys.values())
    found = built.dataset()
    assert isinstance(found, datasets.DatasetDict)
    assert sum(map(len, found.values())) == len(built.pairs())
    assert "split" not in next(iter(found.values())).column_names


def test_a_result_is_shown_in_a_line(built):
    shown = repr(built)
    assert shown.startswith(f"BuildResult({str(built.out)!r}: 6 prompts, ")
    assert len(shown) < 200 + len(str(built.out))


def test_the_same_call_does_nothing_and_another_is_refused(built):
    again = udasa_data.build("tiny", prompts=QUESTIONS, out=built.out, **FAST, **EVERY_PAIR)
    assert again.reused
    with pytest.raises(UserError, match=r"differs in: prompts. Give another out, or"):
        udasa_data.build("tiny", prompts=QUESTIONS[:4], out=built.out, **FAST)


@pytest.mark.parametrize(
    "rows",
    [
        pl.DataFrame({"prompt": QUESTIONS}),
        pl.Series(QUESTIONS),
        pd.DataFrame({"question": QUESTIONS, "n": [1.5, None, 3, 4, 5, 6]}),
        datasets.Dataset.from_dict({"prompt": QUESTIONS}),
        [{"prompt": text} for text in QUESTIONS],
        [[{"role": "user", "content": text}] for text in QUESTIONS],
    ],
    ids=["polars", "series", "pandas", "dataset", "mappings", "messages"],
)
def test_rows_of_every_kind_are_the_same_prompts(rows, built, tmp_path):
    from udasa_data.config import resolve
    from udasa_data.pipeline import preview
    from udasa_data.python.given_rows import as_lines, keep_rows, place_of_rows

    assert keep_rows(tmp_path / "run", as_lines(rows, "prompts"), "prompts")
    config = resolve("tiny", {"prompts": [place_of_rows(tmp_path / "run")]})
    assert preview(config, tmp_path / "run").prompts == 6
    from udasa_data.prompts import load_prompts

    loaded = load_prompts(config.prompts, limit=None, seed=0, commits={})
    assert set(loaded.prompts["prompt_id"]) == set(built.samples()["prompt_id"])


def test_a_run_is_logged(built):
    lines = (built.out / LOG).read_text().splitlines()
    said = [line.partition(" ")[2] for line in lines]
    assert "samples: 0 of 6 prompts" in said
    assert any(line.startswith("scores: 6 of 6 prompts, in ") for line in said)
    assert said[-1] == "ended"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 2}, r"^build\(\): samples: 2, and at least 4 are needed"),
        ({"samples": "x"}, r"^build\(\): samples: expected `int`, got `str`"),
        ({"wight": 1}, r"^build\(\): unknown key 'wight' \(did you mean 'weights'\?\)"),
        ({"model": "tiyn"}, r"^unknown model 'tiyn' \(did you mean 'tiny'\?\)"),
        ({"prompts": []}, r"^prompts: holds no rows; give one at least"),
        ({"prompts": ["tiny"]}, r"'tiny' in a list is a text.*give prompts='tiny'$"),
        ({"prompts": 3}, r"^prompts: a int is no table"),
        ({"prompts": [{"prompt": object()}]}, r"^prompts, row 0: cannot be kept \(a object"),
        ({"from_": "x", "out": None, "prompts": None}, r"^from_ needs out: the source stays"),
        (
            {"answers": ["a"], "out": None},
            r"^answers samples nothing: leave out samples, temperature",
        ),
    ],
)
def test_errors_speak_of_the_call_and_leave_nothing(tmp_path, options, message):
    given = {"model": "tiny", "prompts": QUESTIONS, "out": tmp_path / "run", **FAST, **options}
    with pytest.raises(UserError, match=message):
        udasa_data.build(**given)
    assert not (tmp_path / "run").exists()


def test_a_build_that_cannot_begin_takes_its_rows_back(tmp_path):
    with pytest.raises(UserError, match="every prompt is empty"):
        udasa_data.build("tiny", prompts=[" ", ""], out=tmp_path / "run", **FAST)
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def answers(built):
    table = built.samples().select("prompt_id", "text", prompt=pl.col("prompt"))
    return table.with_columns(prompt=pl.col("prompt").list.first().struct["content"])


def test_answers_as_rows_are_scored(answers, tmp_path):
    scored = udasa_data.score(answers, tmp_path / "scores.parquet", progress=False)
    assert scored.scores()["text"].to_list() == answers["text"].to_list()
    assert scored.scores()["uncertainty"].is_finite().any()
    assert udasa_data.score(answers, tmp_path / "scores.parquet", progress=False).reused
    with pytest.raises(UserError, match="give labels or calibration, not both"):
        udasa_data.score(answers, tmp_path / "x.parquet", labels="a", calibration="b")


def test_answers_as_rows_are_built_from(answers, tmp_path):
    made = udasa_data.build(answers=answers.to_dicts(), out=tmp_path / "run", progress=False)
    assert made.summary.counts.prompts == 6
    again = udasa_data.build(answers=answers.to_dicts(), out=tmp_path / "run", progress=False)
    assert again.reused


def test_diff_verify_report_and_from(built, tmp_path):
    changed = udasa_data.build(
        from_=built.out, out=tmp_path / "run", pairing={"veto": 0.0}, progress=False
    )
    difference = udasa_data.diff(built, changed)
    assert difference.pairs == (built.summary.counts.pairs, changed.summary.counts.pairs)
    assert udasa_data.verify(built, progress=False).passed
    assert udasa_data.report(built, tmp_path / "page.html").rows == 6


def test_progress_is_handed_to_an_object_of_ones_own(tmp_path, answers):
    from udasa_data.progress import Silent

    class Counting(Silent):
        steps = []  # noqa: RUF012

        def start(self, step, total, done):
            self.steps.append((step, total, done))

    udasa_data.score(answers, tmp_path / "s.parquet", progress=Counting())
    assert ("scores", 6, 0) in Counting.steps


@pytest.mark.parametrize(("name", "code"), snippets("python.md"))
def test_the_snippets_of_the_page_run(name, code, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "snippets"  # one folder for all, in their order
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    exec(compile(code, name, "exec"), {})
