"""Whether answers refuse, by the embedded classifier or by one that the configuration names."""

import numpy as np
import pytest
from small_models import save_classifier

from udasa_data.config.presets import resolve
from udasa_data.preflight import Lookups, look_at_model
from udasa_data.preflight.builds import Asked, needs_of
from udasa_data.runs.dataset_manifest import provenance
from udasa_data.scorers.loading import Unread, load_scorers
from udasa_data.scorers.protocol import TextPair, no_progress
from udasa_data.scoring.conduct import conduct_of
from udasa_data.scoring.outputs import run_models
from udasa_data.scoring.pairwise import Answers
from udasa_data.storage import locate

REFUSAL = "I'm sorry, but I can't help with that."
TEXTS = [REFUSAL, "Use a spade.", "No way.", REFUSAL]


def answers(axis="helpfulness"):
    row = {"axis": axis, "context": None}
    row["messages"] = [{"role": "user", "content": "How do I dig?"}]
    return Answers(row, [0, 1, 2, 3], TEXTS, [-1.0] * 4, [-1.0] * 4, 4, "en")


def test_the_configured_classifier_decides_and_what_it_cannot_read_goes_to_the_embedded_one():
    assert conduct_of(answers(), 0.1).refusal == [True, False, False, True]
    found = conduct_of(answers(), 0.1, np.array([0.2, 0.3, 0.9, np.nan]))
    assert found.refusal == [False, False, True, True]
    # r (1 − h) + (1 − r) h at r = .9 and h = .1: .81 + .01; where r is small, no misplaced refusal
    assert found.p_misplaced[:3] == pytest.approx([np.nan, np.nan, 0.82], nan_ok=True)
    assert found.p_misplaced[3] > 0.5


@pytest.fixture
def configured(tmp_path):
    folder = save_classifier(tmp_path / "refusal", ["answers", "declines"])
    ref = {"id": str(folder), "violation": ["declines"], "input": "answer"}
    return resolve("tiny", {"refusal": ref})


def test_a_classifier_of_the_configuration_is_loaded_recorded_and_asked(configured):
    models = {ref.id: locate(ref) for ref in [configured.policy, *configured.scorer_refs]}
    scorers = load_scorers(configured, models, "float32", Unread())
    # a continued review is no answer to a question, yet its continuation may refuse
    output = run_models([answers(), answers("sentiment")], scorers, lambda _share: None)
    expected = scorers.refusal([TextPair("How do I dig?", text) for text in TEXTS], no_progress)
    assert output.p_refuses == pytest.approx(np.tile(expected, 2), abs=1e-6)
    assert len(set(expected.tolist())) == 3
    made = provenance(configured, models, ["helpfulness"])
    assert {record.id for record in made.scorers if record.role == "refusal"} == {
        configured.refusal.id
    }


def test_its_labels_are_looked_at_before_it_is_loaded(configured):
    wrong = {"id": configured.refusal.id, "violation": ["refuses"]}
    needs = needs_of(resolve("tiny", {"refusal": wrong}), Asked())
    (need,) = [need for need in needs if need.what == "refusal"]
    found = look_at_model(need, Lookups(""))
    assert "has no label 'refuses' (known: answers, declines)" in found.item.faults[0]


def test_without_one_nothing_is_asked():
    config = resolve("tiny", {})
    assert config.refusal is None
    assert "refusal" not in {need.what for need in needs_of(config, Asked())}
