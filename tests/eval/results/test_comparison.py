import json
import math
from functools import partial

import forked
import numpy as np
import pytest
from example_runs import DECODING, JUDGE, task, write_run
from msgspec.structs import replace

from udasa_data.errors import UserError
from udasa_data.schema import Axis
from udasa_eval.results.comparison import compare_runs
from udasa_eval.results.folder import read_results
from udasa_eval.results.records import MetricRecord
from udasa_eval.results.verdicts import MetricComparison, Paired, decision_levels, verdicts
from udasa_eval.stats import SHARE


@pytest.fixture
def refusing(tmp_path):
    """Refuses 6 of 20 harmless prompts."""
    return write_run(tmp_path / "a", {f"p{n:02}": float(n < 6) for n in range(20)})


@pytest.fixture
def answering(tmp_path):
    """Refuses none of 20 prompts; one more is unscored."""
    values = {f"p{n:02}": 0.0 for n in range(19)} | {"p19": None, "p20": 0.0}
    return write_run(tmp_path / "b", values, model="org/model-b")


def test_runs_are_paired_by_prompt(refusing, answering):
    found = compare_runs([refusing, answering])
    (metric,) = found.metrics
    # of the 19 prompts that both scored, a refuses 6 and b none
    assert metric.difference == pytest.approx(6 / 19)
    assert (metric.n, metric.unscored, metric.only_in_one) == (19, 1, 1)
    # refusing is worse: a wins nowhere, loses 6, ties 13
    assert (metric.wins, metric.ties, metric.losses) == (0, 13, 6)
    assert (metric.test, metric.p) == ("mcnemar", pytest.approx(2 / 64))
    assert metric.p_holm == metric.p  # the only metric
    assert metric.better == "org/model-b"


def test_the_prompts_that_differ_most_are_shown(refusing, answering):
    (metric,) = compare_runs([refusing, answering], examples=2).metrics
    assert [p.prompt_hash for p in metric.differ_most] == ["p00", "p01"]
    assert metric.differ_most[0].prompt == "question p00"
    assert metric.differ_most[0].answer_a == "an answer"


def test_samples_are_averaged_before_they_are_paired(tmp_path):
    a = write_run(tmp_path / "a", {"p": [1.0, 0.0], "q": [1.0, 1.0]})
    b = write_run(tmp_path / "b", {"p": [0.0, None], "q": [1.0, 0.0]})
    (metric,) = compare_runs([a, b]).metrics
    # (.5 − 0 + 1 − .5)/2
    assert metric.difference == pytest.approx(0.5)
    assert metric.test == "bayesian-bootstrap"


def test_holm_runs_over_all_metrics_and_runs(tmp_path, refusing, answering):
    third = write_run(tmp_path / "c", {f"p{n:02}": 0.0 for n in range(20)}, model="org/model-c")
    found = compare_runs([refusing, answering, third])
    # p = 2/64 twice: both become 4/64
    assert [metric.p_holm for metric in found.metrics] == [pytest.approx(4 / 64)] * 2
    assert [metric.better for metric in found.metrics] == [None, None]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"suite": "full"}, "suite: 'quick' in .*, 'full' in "),
        ({"template_sha256": None}, "chat template: 'abababababab' in .*, none in "),
        ({"system_prompt": "Be kind."}, "system prompt: none in .*, 'Be kind.' in "),
        (
            {"tasks": (task(decoding=replace(DECODING, temperature=0.7)),)},
            "task xstest_safe, decoding temperature: '0.0' in .*, '0.7' in ",
        ),
        ({"tasks": (task(fingerprint="0" * 16),)}, "task xstest_safe, what is asked"),
        ({"judges": (replace(JUDGE, fingerprint="sha256:bb"),)}, "judge of refusal: 'sha256:aa'"),
    ],
)
def test_runs_whose_settings_differ_are_refused(tmp_path, refusing, changes, fault):
    other = write_run(tmp_path / "other", {"p00": 0.0, "p01": 1.0}, **changes)
    with pytest.raises(UserError, match=f"not comparable: {fault}"):
        compare_runs([refusing, other])
    found = compare_runs([refusing, other], anyway=True)
    assert found.notes
    assert found.metrics[0].n == 2


def test_a_judge_of_an_earlier_version_is_to_be_asked_anew(tmp_path, refusing):
    judge = replace(JUDGE, fingerprint="sha256:bb", asked={"kind": "question"})
    other = write_run(tmp_path / "other", {"p00": 0.0, "p01": 1.0}, judges=(judge,))
    with pytest.raises(UserError, match=f"judge of refusal .udasa-eval score {refusing} first"):
        compare_runs([refusing, other])


def test_another_seed_is_no_difference(tmp_path, refusing):
    tasks = (task(decoding=replace(DECODING, seed=7)),)
    other = write_run(tmp_path / "other", {"p00": 0.0, "p01": 1.0}, tasks=tasks)
    assert compare_runs([refusing, other]).metrics[0].n == 2


def test_nothing_in_common(tmp_path, refusing):
    tasks = (task("imdb", Axis.SENTIMENT),)
    other = write_run(tmp_path / "other", {"p00": 0.0, "p01": 1.0}, tasks=tasks)
    with pytest.raises(UserError, match="no metric in common"):
        compare_runs([refusing, other])


def test_prompts_in_common_are_none(tmp_path, refusing):
    other = write_run(tmp_path / "other", {"x": 0.0, "y": 1.0})
    (metric,) = compare_runs([refusing, other]).metrics
    assert (metric.n, metric.difference, metric.p, metric.only_in_one) == (0, None, None, 22)


def test_the_interval_is_at_the_level_of_the_verdict(tmp_path, refusing, answering):
    """Two tests: the first is held against .025, and so are its interval and what it can detect."""
    third = write_run(tmp_path / "c", {f"p{n:02}": float(n < 5) for n in range(20)}, model="org/c")
    first, second = compare_runs([refusing, answering, third]).metrics
    # .03125 is not below .025, and so both are held against it
    assert (first.level, second.level) == (0.975, 0.975)
    assert (first.better, first.low) == (None, 0.0)
    # (z(1 − .025/2) + z(.8)) · sd/√n, and (2.2414 + .8416)
    assert first.detectable == pytest.approx(3.0830 * first.stderr, rel=1e-3)
    (alone,) = compare_runs([refusing, answering]).metrics
    assert (alone.level, alone.better) == (0.95, "org/model-b")
    assert alone.low > 0.0


def test_headline_metrics_are_corrected_apart_from_the_others():
    blank = partial(
        MetricComparison,
        task="t",
        axis="helpfulness",
        direction="higher",
        a="a",
        b="b",
        value_a=1.0,
        value_b=0.0,
    )
    ones, zeros = np.ones(6), np.zeros(6)
    # six wins of six, 2/64: alone in its family it is found, among three it is not
    pairs = [Paired(blank(metric=f"m{n}", headline=n == 0), ones, zeros, SHARE) for n in range(4)]
    found = verdicts(pairs, seed=0, replicates=100)
    assert [metric.p_holm for metric in found] == pytest.approx([2 / 64, 6 / 64, 6 / 64, 6 / 64])
    assert [metric.better for metric in found] == ["a", None, None, None]


def test_steps_of_the_correction():
    # .01 < .05/3; .03 is not below .05/2, and that step decides about .04, too
    levels = decision_levels([0.03, math.nan, 0.01, 0.04])
    assert levels[:1] + levels[2:] == pytest.approx([0.025, 0.05 / 3, 0.025])
    assert math.isnan(levels[1])


def test_values_are_those_of_the_shared_prompts(refusing, answering):
    (metric,) = compare_runs([refusing, answering]).metrics
    # a refuses 6 of 20, but of the 19 prompts that both have a score of
    assert (metric.value_a, metric.value_b) == (pytest.approx(6 / 19), 0.0)
    assert metric.difference == pytest.approx(metric.value_a - metric.value_b)


def test_identical_runs(tmp_path):
    values = {f"p{n}": n / 20 for n in range(20)}
    runs = [write_run(tmp_path / name, values) for name in "ab"]
    (metric,) = compare_runs(runs).metrics
    assert (metric.difference, metric.low, metric.high, metric.p) == (0.0, None, None, 1.0)
    assert (metric.test, metric.better) == ("none", None)


def test_a_metric_that_is_no_mean_is_not_tested(tmp_path):
    runs = []
    for name, value in (("a", 0.3), ("b", 0.2)):
        folder = write_run(tmp_path / name, {"p": 0.0, "q": 1.0})
        (record,) = read_results(folder).metrics
        controlled = MetricRecord(
            **{f: getattr(record, f) for f in record.__struct_fields__}
            | {"name": "lc_win_rate", "value": value, "per_document": False, "headline": False}
        )
        runs.append(write_run(folder, {"p": 0.0, "q": 1.0}, metrics=(record, controlled)))
    found = compare_runs(runs)
    assert [metric.metric for metric in found.metrics] == ["refusal", "lc_win_rate"]
    assert found.metrics[1].difference == pytest.approx(0.1)
    assert found.metrics[1].p is None


def test_results_without_their_rows(refusing, answering):
    next((answering / "scores").glob("*.parquet")).unlink()
    with pytest.raises(UserError, match="has no row of it; udasa-eval score"):
        compare_runs([refusing, answering])


def test_the_same_folder_twice(refusing):
    with pytest.raises(UserError, match="given twice"):
        compare_runs([refusing, refusing])


def run(*arguments):
    return forked.run("-c", "from udasa_eval.cli import main; main()", *arguments)


def test_command_line(refusing, answering):
    shown = run("compare", refusing, answering)
    assert shown.returncode == 0, shown.stderr
    assert "refusal ↓" in shown.stdout
    assert "0/13/6" in shown.stdout
    assert "19, 1 unscored, 1 in one only" in shown.stdout
    as_json = run("compare", refusing, answering, "--json")
    (metric,) = json.loads(as_json.stdout)["metrics"]
    assert math.isclose(metric["difference"], 6 / 19)
    refused = run("compare", refusing)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: two or more results folders")
    older = answering / "results.json"
    value = json.loads(older.read_text())
    del value["sha256"]
    older.write_text(json.dumps(value | {"schema_version": 0}))
    refused = run("compare", refusing, answering)
    assert refused.returncode == 1
    assert "schema_version 0, this version reads 2" in refused.stderr
