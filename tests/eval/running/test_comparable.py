"""Which headlines can be set beside published numbers, and that the others say so."""

import msgspec
import pytest

from udasa_data.schema import Axis
from udasa_eval.judging import judge_set
from udasa_eval.results import MetricRecord
from udasa_eval.running.comparable import of_comparable, with_comparable
from udasa_eval.tasks import notes_of


def headline(task, **other):
    return MetricRecord(
        name=notes_of(task.removesuffix("_turn_2")).headline,
        axis=Axis.HARMLESSNESS,
        task=task,
        value=0.5,
        stderr=None,
        low=None,
        high=None,
        n=1,
        unscored=0,
        direction="lower",
        kind="rate",
        **{"headline": True, **other},
    )


@pytest.mark.parametrize(
    ("task", "judges", "published"),
    [
        ("udasa_harmbench", "harmbench", "HarmBench's attack success rate"),
        ("udasa_harmbench", "hub", None),
        ("udasa_harmbench", "strongreject", None),
        ("udasa_truthfulqa_generation", "truthfulqa", "true and informative"),
        ("udasa_truthfulqa_generation", "hub", None),
        # no judge decides these
        ("truthfulqa_mc1", "hub", "multiple choice"),
        ("gsm8k_cot", "hub", "flexible-extract"),
        # in our own words, whoever is asked
        ("udasa_strongreject", "strongreject", None),
        ("udasa_real_toxicity_prompts", "real_toxicity_prompts", None),
        ("udasa_mt_bench_turn_2", "mt_bench", None),
    ],
)
def test_numbers_of_the_benchmarks_own_scorer(task, judges, published):
    (found,) = with_comparable([headline(task)], judge_set(judges, "full"))
    if published is None:
        assert found.comparable_with is None
    else:
        assert published in found.comparable_with


def test_another_wording_or_temperature_is_another_scorer():
    judges = judge_set("harmbench", "full")
    other = msgspec.structs.replace(judges.harm, prompt=judges.harm.prompt + " ")
    changed = msgspec.structs.replace(judges, harm=other)
    (found,) = with_comparable([headline("udasa_harmbench")], changed)
    assert found.comparable_with is None


def test_one_line_names_what_is_comparable_with_nothing():
    metrics = [
        headline("udasa_strongreject"),
        headline("truthfulqa_mc1"),
        headline("udasa_advbench", headline=False),
        headline("udasa_tiny_harmful"),  # our own: nothing is published of it
    ]
    (line,) = of_comparable(with_comparable(metrics, judge_set("hub", "full")))
    assert line.startswith("not comparable with published numbers")
    assert line.endswith(": strongreject")
    assert list(of_comparable([])) == []
