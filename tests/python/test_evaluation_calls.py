"""The evaluation as functions: plain keywords, results as tables, errors of the call."""

import json

import polars as pl
import pytest

import udasa_eval
from udasa_data import UserError
from udasa_data.progress import Silent
from udasa_eval import RunOptions

TASKS = ["tiny_harmless", "tiny_truthful_two_choice"]
PART = {"suite": "tiny", "tasks": TASKS, "limit": 3, "progress": False}


@pytest.fixture(scope="module")
def evaluated(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("calls")
    return [udasa_eval.run(small["policy"], out / name, **PART) for name in ("a", "b")]


def test_the_results_are_tables(evaluated):
    run = evaluated[0]
    metrics = run.metrics()
    assert set(metrics["task"]) == {f"udasa_{task}" for task in TASKS}
    assert metrics.filter("headline")["task"].to_list() == [t.name for t in run.results.tasks]
    # three prompts a task, each scored or counted as unscored
    assert (metrics["n"] + metrics["unscored"]).to_list() == [3] * len(metrics)
    assert run.answers()["task"].unique().sort().to_list() == sorted(set(metrics["task"]))
    rate = metrics.row(by_predicate=pl.col("metric") == "acc", named=True)
    rows = run.scores().filter(pl.col("metric") == "acc")
    assert rate["value"] == pytest.approx(rows["value"].mean(), abs=1e-12)
    assert run.unscored().columns == ["task", "metric", "why", "count", "examples"]


def test_what_is_unscored_is_counted_by_reason(evaluated):
    run = evaluated[0]
    counted = run.unscored().group_by("task", "metric").agg(pl.col("count").sum())
    joined = run.metrics().join(counted, on=["task", "metric"], how="left")
    assert joined["count"].fill_null(0).to_list() == joined["unscored"].to_list()


def test_an_evaluation_is_read_of_its_folder_and_shown_in_a_line(evaluated):
    run = evaluated[0]
    again = udasa_eval.Evaluation(str(run.out))
    assert again.results == run.results
    assert repr(run).startswith(f"Evaluation('{run.out}': ")
    assert "tiny_truthful_two_choice acc" in repr(run)
    assert "(n = 3)" in repr(run)
    with pytest.raises(UserError, match="holds no results"):
        udasa_eval.Evaluation(run.out / "none").metrics()


def test_options_at_once_and_keywords_are_the_same_run(evaluated, small):
    options = RunOptions(model=str(small["policy"]), suite="tiny", tasks=tuple(TASKS), limit=3)
    # had it been another, the folder would have refused it
    again = udasa_eval.run(options, evaluated[0].out, progress=False)
    assert again.results == evaluated[0].results


def test_a_run_compared_with_its_like_ties(evaluated):
    compared = udasa_eval.compare(*evaluated)
    table = compared.metrics().filter("headline")
    assert len(table) == 2
    # the same model, the same seed: every prompt scored in both is a tie
    assert table["difference"].to_list() == [0.0, 0.0]
    assert table["ties"].to_list() == table["n"].to_list()
    assert table["better"].to_list() == [None, None]
    assert compared.prompts().is_empty()
    assert "neither is better" in repr(compared)


def test_prompts_that_differ_are_rows_with_both_answers(evaluated, small, tmp_path):
    options = {**PART, "seed": 5}
    other = udasa_eval.run(small["policy"], tmp_path / "c", **options)
    compared = udasa_eval.compare(evaluated[0], str(other.out), examples=2, anyway=True)
    assert compared.prompts().columns[:5] == ["a", "b", "task", "metric", "prompt"]
    for row in compared.prompts().iter_rows(named=True):
        assert row["value_a"] != row["value_b"]
        assert row["prompt"]


def test_judges_and_configuration_may_be_mappings(evaluated, small, tmp_path):
    harm = {"kind": "classifier", "id": "embedded-judge:harmlessness", "positive": ["unsafe"]}
    config = {"sampling": {"chat_template_kwargs": {"style": "plain"}}}
    run = udasa_eval.run(
        small["policy"],
        tmp_path / "run",
        judges={"refusal": harm},
        config=config,
        **{**PART, "tasks": "tiny_harmless"},
    )
    assert [judge.id for judge in run.results.judges] == ["embedded-judge:harmlessness"]
    assert run.results.chat_template_kwargs == {"style": "plain"}
    again = udasa_eval.score(run, judges="tiny", progress=False)
    assert [judge.id for judge in again.results.judges] == ["embedded:refusal"]
    kept = json.loads((tmp_path / "run" / "results.json").read_text())
    assert kept["judges"][0]["id"] == "embedded:refusal"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, r"^run\(\): limit: expected `int` >= 1"),
        ({"limit": "x"}, r"^run\(\): limit: expected `int \| null`, got `str`"),
        ({"model": 3}, r"^run\(\): model: expected `str`, got `int`"),
        ({"suite": "tyni"}, r"^no suite 'tyni' \(known: "),
        ({"axes": ["truthfullness"]}, r"^no axis 'truthfullness' \(did you mean 'truthfulness'"),
        ({"axes": []}, r"^axes names no axis"),
        ({"tasks": ""}, r"^tasks names no task"),
        ({"tasks": 3}, r"^tasks: give a name, or a list of names"),
        ({"tasks": ["tiny_harmles"]}, r"tiny_harmles"),
        ({"judges": "nobody"}, r"^judges 'nobody': no such set and no such file"),
        ({"judges": {"harms": {}}}, r"^judges: unknown key 'harms' \(did you mean 'harm'\?\)"),
        ({"config": {"sampling": {"top": 1}}}, r"^run\(\): unknown key 'sampling.top'"),
        ({"engine": "vlm"}, r"^run\(\): key 'engine'|^run\(\): engine: "),
    ],
)
def test_errors_speak_of_the_call_and_leave_nothing(small, tmp_path, options, message):
    given = {"model": str(small["policy"]), "out": tmp_path / "run", **PART, **options}
    with pytest.raises(UserError, match=message):
        udasa_eval.run(**given)
    assert not (tmp_path / "run").exists()


def test_another_evaluation_in_the_folder_is_refused_in_words_of_the_call(evaluated, small):
    with pytest.raises(UserError, match=r"differs in: limit \(3 → 2\).*Give another out, or"):
        udasa_eval.run(small["policy"], evaluated[0].out, **{**PART, "limit": 2})


def test_runs_of_other_settings_are_compared_on_request(evaluated, small, tmp_path):
    other = udasa_eval.run(small["policy"], tmp_path / "run", **{**PART, "limit": 2})
    with pytest.raises(UserError, match=r"^not comparable: .*; anyway=True compares nevertheless$"):
        udasa_eval.compare(evaluated[0], other)
    assert udasa_eval.compare(evaluated[0], other, anyway=True).notes


def test_what_is_no_run_is_refused(evaluated):
    with pytest.raises(UserError, match=r"compare\(\): a list is no run; give a results folder"):
        udasa_eval.compare(evaluated[0], [0.5, 1.0])


def test_progress_and_notes_reach_an_object_of_ones_own(small, tmp_path):
    class Watching(Silent):
        steps: list[str] = []  # noqa: RUF012
        lines: list[str] = []  # noqa: RUF012

        def start(self, step, *_):
            self.steps.append(step)

        def say(self, line):
            self.lines.append(line)

    options = {**PART, "tasks": "tiny_sentiment", "progress": Watching()}
    run = udasa_eval.run(small["policy"], tmp_path / "run", **options)
    assert Watching.steps
    assert set(run.results.notes) >= set(Watching.lines[:1])
