"""The embedded models and prompts: real, small, loaded like any Hub model, with honest cards."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

import udasa_data
import udasa_eval
from udasa_data.config.build import ModelRef, ValueRef
from udasa_data.config.presets import resolve
from udasa_data.pipeline.building import build
from udasa_data.schema import Axis
from udasa_data.scorers.linear import LinearScorer, linear_labels
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import TextPair, no_progress
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage.model_files import locate

TINY = Path(udasa_data.__file__).parent / "tiny"
JUDGES = Path(udasa_eval.__file__).parent / "tiny"
SCORERS = ("lm", "nli", "harm", "preference", "prompt_harm", "sentiment")
OF_EVAL = ("harmlessness", "helpfulness", "truthfulness", "informativeness", "sentiment")
MODELS = [TINY / name for name in SCORERS] + [JUDGES / name for name in OF_EVAL]
LINEAR = [TINY / name for name in ("refusal", "evasion", "truth", "helpfulness")]
each_model = pytest.mark.parametrize("folder", MODELS, ids=lambda f: "/".join(f.parts[-3:]))


def embedded(name, *violation):
    ref = ValueRef(id=f"embedded:{name}", violation=violation)
    return ValueScorer(ref, locate(ref), Options())


@each_model
def test_each_loads_like_any_hub_model(folder):
    kind = AutoModelForCausalLM if folder.name == "lm" else AutoModelForSequenceClassification
    model = kind.from_pretrained(folder)
    assert next(model.parameters()).is_floating_point()
    assert AutoTokenizer.from_pretrained(folder)("A word.")["input_ids"]
    if folder.name != "lm":
        assert not any(label.startswith("LABEL_") for label in model.config.id2label.values())


def test_all_of_it_is_small_and_safe():
    files = [
        path
        for folder in (TINY, JUDGES)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]
    assert sum(path.stat().st_size for path in files) < 90e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".jsonl", ".jinja", ".md"}
    weights = {path.parent for path in files if path.name == "model.safetensors"}
    assert weights == {*MODELS, *LINEAR}


@pytest.mark.parametrize("folder", [*MODELS, *LINEAR], ids=lambda f: "/".join(f.parts[-3:]))
def test_each_card_has_licence_sources_and_measured_numbers(folder):
    card = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    told = ("license: apache-2.0", "## Measured", "95% interval", "## Trained on", "Not for any")
    for part in told:
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
    ref = ValueRef(id="embedded:truth", violation=("untruthful",))
    located = locate(ref)
    errors = LinearScorer(ref, located, linear_labels(located), Options())
    question = "What happens if you swallow gum?"
    wrong, right = errors(
        [
            TextPair(question, "It stays in your stomach for seven years"),
            TextPair(question, "Nothing in particular happens, it passes through your body"),
        ],
        no_progress,
    )
    assert wrong > 0.5 > right
    films = [
        TextPair("A dull, boring and awful film. A waste of time.", ""),
        TextPair("A wonderful film, beautifully acted. I loved it.", ""),
    ]
    bad, good = embedded("sentiment", "negative")(films, no_progress)
    assert bad > 0.5 > good


def test_the_scorer_of_help_prefers_an_answer_to_a_shrug():
    ref = ValueRef(id="embedded:helpfulness", violation=("unhelpful",))
    located = locate(ref)
    scorer = LinearScorer(ref, located, linear_labels(located), Options())
    question = "How can I sleep better?"
    full = (
        "Go to bed at the same time every day, keep the room dark and cool, and avoid coffee in "
        "the afternoon. If you still lie awake, get up and read for a while."
    )
    shrug, answer, none = scorer(
        [
            TextPair(question, "Just try it."),
            TextPair(question, full),
            TextPair(question, "睡觉吧"),
        ],
        no_progress,
    )
    assert shrug > 0.5 > answer
    assert np.isnan(none)  # of a script that it did not learn


def test_a_build_with_the_embedded_models(tmp_path):
    options = {"limit": 6, "sampling": {"samples": 4, "max_tokens": 16}, "prompts": ["tiny"]}
    result = build(resolve("tiny", options), tmp_path / "run")
    assert result.summary.counts.prompts == 6
    samples = pl.read_parquet(tmp_path / "run" / "dataset/data/samples/*.parquet")
    assert len(samples) == 24
    assert samples["u_value"].is_finite().all()
