import numpy as np
import pytest
from small_models import save_classifier

from udasa_data.config import ModelRef, ValueRef
from udasa_data.errors import UserError
from udasa_data.model_files import locate
from udasa_data.scorers import TextPair, batching, no_progress
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.value import ValueScorer

PAIRS = [TextPair(f"The cat number {n} sat." * (1 + n % 4), f"A cat {n % 3}.") for n in range(30)]


def ignore(_scorer, _n):
    """Take no note of truncation."""


def nli(folder, on_truncated=ignore):
    return NliScorer(locate(ModelRef(id=str(folder))), 512, on_truncated)


def value(folder, *violation):
    ref = ValueRef(id=str(folder), violation=violation)
    return ValueScorer(ref, locate(ref), 512, ignore)


def test_batched_equals_single_in_any_order(small, monkeypatch):
    scorer = nli(small["nli"])
    together = scorer(PAIRS, no_progress)
    assert ((together.entail >= 0) & (together.entail + together.contradict <= 1 + 1e-9)).all()
    backwards = scorer(PAIRS[::-1], no_progress)
    assert backwards.entail[::-1] == pytest.approx(together.entail, abs=1e-6)
    monkeypatch.setattr(batching, "BATCH_TOKENS", 1)
    single = scorer(PAIRS, no_progress)
    assert single.entail == pytest.approx(together.entail, abs=1e-5)


def test_duplicates_are_scored_once_and_all_rows_reported(small):
    done = []
    result = nli(small["nli"])(PAIRS * 3, done.append)
    assert sum(done) == 90
    assert np.array_equal(result.entail[:30], result.entail[60:])


def test_labels_are_read_by_name(tmp_path):
    one = save_classifier(tmp_path / "a", ["contradiction", "entailment", "neutral"])
    other = save_classifier(tmp_path / "b", ["ENTAILMENT", "Neutral", "Contradiction"])
    # the same weights: class 1 entails in one, class 0 in the other
    first, second = nli(one)(PAIRS, no_progress), nli(other)(PAIRS, no_progress)
    assert first.contradict == pytest.approx(second.entail)
    assert first.entail != pytest.approx(second.entail)


def test_unknown_nli_labels_are_listed(tmp_path):
    folder = save_classifier(tmp_path / "m", ["LABEL_0", "LABEL_1", "LABEL_2"])
    with pytest.raises(UserError, match="LABEL_0, LABEL_1, LABEL_2"):
        nli(folder)
    with pytest.raises(UserError, match="three are needed"):
        nli(save_classifier(tmp_path / "r", ["reward"]))


def test_violation_labels(small, tmp_path):
    harm = value(small["harm"], "UNSAFE")(PAIRS, no_progress)
    safe = value(small["harm"], "safe")(PAIRS, no_progress)
    assert harm + safe == pytest.approx(np.ones(30))
    with pytest.raises(UserError, match="did you mean 'unsafe'"):
        value(small["harm"], "unsave")
    with pytest.raises(UserError, match="say which mean a violation"):
        value(small["harm"])


def test_a_reward_becomes_a_probability_of_violation(small):
    p = value(small["reward"])(PAIRS, no_progress)
    assert ((p > 0) & (p < 1)).all()
    assert len(set(p.round(6))) > 3


def test_single_texts(small):
    texts = [TextPair("A fine film.", ""), TextPair("A dull film.", "")]
    p = value(small["sentiment"], "negative")(texts, no_progress)
    assert p.shape == (2,)
    assert value(small["sentiment"], "negative")([], no_progress).shape == (0,)


def test_truncation_is_counted(small):
    told = {}
    nli(small["nli"], told.__setitem__)(
        [TextPair("word " * 400, "x"), TextPair("y", "z")], no_progress
    )
    assert list(told.values()) == [1]


def test_nan_logits_are_an_error(tmp_path):
    folder = save_classifier(tmp_path / "m", ["safe", "unsafe"], spoil=float("nan"))
    with pytest.raises(UserError, match="NaN or infinite"):
        value(folder, "unsafe")(PAIRS, no_progress)


def test_not_a_classifier(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded"):
        nli(tmp_path)
