"""How well a score ranks: against hand-made cases and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from udasa_eval.stats.ranking import (
    auroc,
    clustered,
    clustered_auroc,
    prediction_rejection_ratio,
    preference_accuracy,
)


def test_auroc_by_hand():
    # bad 3 beats good 1 and 2; bad 2 beats good 1 and ties with good 2: (2 + 1 + ½) / 4
    found = auroc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert found == pytest.approx(3.5 / 4)


@given(st.integers(0, 10_000))
def test_auroc_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    u, bad = rng.integers(0, 6, 40) / 5, rng.integers(0, 2, 40).astype(float)
    if 0 < bad.sum() < 40:
        assert auroc(u, bad) == pytest.approx(roc_auc_score(bad, u))


def test_prr_by_hand():
    """Two good, one bad; base ⅔. Oracle good, good, bad: (1 + 1 + ⅔)/3 = 8/9.

    The bad one in the middle: (1 + ½ + ⅔)/3 = 13/18, (13/18 − 12/18) / (16/18 − 12/18) = ¼.
    """
    bad = np.array([0.0, 1.0, 0.0])
    assert prediction_rejection_ratio(np.array([0.1, 0.2, 0.3]), bad) == pytest.approx(0.25)
    assert prediction_rejection_ratio(np.array([0.1, 0.9, 0.3]), bad) == pytest.approx(1.0)


def test_prr_of_one_value_for_all_is_nothing_gained():
    assert prediction_rejection_ratio(np.zeros(4), np.array([1.0, 0, 0, 1])) == pytest.approx(0.0)


def test_one_kind_of_answer_says_nothing():
    u = np.array([0.1, 0.2])
    for bad in (np.zeros(2), np.ones(2)):
        assert math.isnan(auroc(u, bad))
        assert math.isnan(prediction_rejection_ratio(u, bad))
    assert math.isnan(preference_accuracy(np.array([]), np.array([])))


def test_preference_accuracy_counts_ties_half():
    assert preference_accuracy(np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.5, 0.1])) == 0.5


def test_clusters_are_resampled_whole():
    """Ten copies of each row say no more than one: the interval of the mean stays as wide."""
    values = np.random.default_rng(1).normal(size=50)
    once = clustered(lambda at: float(values[at].mean()), np.arange(50))
    many = np.repeat(values, 10)
    copied = clustered(lambda at: float(many[at].mean()), np.repeat(np.arange(50), 10))
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=1e-9)
    assert (once.n, copied.n) == (50, 500)
    assert once.low < once.value < once.high


def test_nothing_to_resample():
    assert math.isnan(clustered(lambda _: float("nan"), np.array([], dtype=int)).value)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(0.05, 0.95))
@settings(max_examples=30, deadline=None)
def test_the_fast_area_is_the_plain_one(seed, levels, share):
    """To the last digit, with ties, and with resamples of one kind alone."""
    rng = np.random.default_rng(seed)
    score = rng.integers(levels, size=40).astype(float)
    bad = (rng.random(40) < share).astype(float)
    clusters = rng.integers(9, size=40)
    plain = clustered(lambda at: auroc(score[at], bad[at]), clusters, replicates=60, seed=3)
    fast = clustered_auroc(score, bad, clusters, replicates=60, seed=3)
    np.testing.assert_array_equal(np.array(fast), np.array(plain))
