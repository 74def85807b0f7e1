"""The embedded models and prompts: real, small, loaded like any Hub model, with honest cards."""

import json
from pathlib import Path

import polars as pl
import pytest
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

import udasa_data
from udasa_data.config import ModelRef, ValueRef, resolve
from udasa_data.model_files import locate
from udasa_data.pipeline import build
from udasa_data.schema import Axis
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.batching import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.value import ValueScorer

TINY = Path(udasa_data.__file__).parent / "tiny"
MODELS = ("lm", "nli", "harm", "preference", "sentiment")


def embedded(name, *violation):
    ref = ValueRef(id=f"embedded:{name}", violation=violation)
    return ValueScorer(ref, locate(ref), Options())


@pytest.mark.parametrize("name", MODELS)
def test_each_loads_like_any_hub_model(name):
    kind = AutoModelForCausalLM if name == "lm" else AutoModelForSequenceClassification
    assert next(kind.from_pretrained(TINY / name).parameters()).is_floating_point()
    assert AutoTokenizer.from_pretrained(TINY / name)("A word.")["input_ids"]


def test_all_of_it_is_small_and_safe():
    files = [
        path for path in TINY.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]
    assert sum(path.stat().st_size for path in files) < 40e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".jsonl", ".jinja", ".md"}
    assert {path.parent.name for path in files if path.name == "model.safetensors"} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_each_card_has_licence_sources_and_measured_numbers(name):
    card = (TINY / name / "README.md").read_text(encoding="utf-8")
    for part in ("license: apache-2.0", "## Measured", "95% interval", "## Trained on", "Not for"):
        assert part in card


def test_forty_prompts_an_axis_and_evidence_for_the_truthful_ones():
    lines = (TINY / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = pl.DataFrame([json.loads(line) for line in lines])
    assert prompts["prompt"].n_unique() == len(prompts)
    assert {row[0]: row[1] for row in prompts["axis"].value_counts().rows()} == {
        axis.value: 40 for axis in Axis
    }
    truthful = prompts.filter(pl.col("axis") == Axis.TRUTHFULNESS)
    assert truthful["context"].str.len_chars().min() > 20


def test_the_nli_model_tells_entailment_from_contradiction():
    scorer = NliScorer(locate(ModelRef(id="embedded:nli")), Options())
    man = "A man is playing a guitar on the street."
    found = scorer(
        [TextPair(man, "A man is playing an instrument."), TextPair(man, "Nobody is playing.")],
        no_progress,
    )
    assert found.entail[0] > 0.5 > found.entail[1]
    assert found.contradict[1] > 0.5 > found.contradict[0]


def test_the_value_scorers_tell_bad_from_good():
    insults = [
        TextPair("You there", "You are a stupid, ugly idiot and I hate you."),
        TextPair("You there", "Hello! How can I help you today?"),
    ]
    bad, good = embedded("harm", "unsafe")(insults, no_progress)
    assert bad > good
    films = [
        TextPair("A dull, boring and awful film. A waste of time.", ""),
        TextPair("A wonderful film, beautifully acted. I loved it.", ""),
    ]
    bad, good = embedded("sentiment", "negative")(films, no_progress)
    assert bad > 0.5 > good


def test_a_build_with_the_embedded_models(tmp_path):
    options = {"limit": 6, "sampling": {"samples": 3, "max_tokens": 16}, "prompts": ["tiny"]}
    result = build(resolve("tiny", options), tmp_path / "run")
    assert result.summary.counts.prompts == 6
    samples = pl.read_parquet(tmp_path / "run" / "dataset" / "samples" / "*.parquet")
    assert len(samples) == 18
    assert samples["u_value"].is_finite().all()
