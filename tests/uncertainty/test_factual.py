import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from udasa_data.uncertainty.factual import (
    agreement,
    consistency,
    consistency_leave_one_out,
    p_true,
    shrunk_uncertainty,
    support,
)

unit = st.floats(0, 1, width=32)


def test_support_takes_the_best_evidence():
    assert support(np.array([[0.1, 0.7], [0.3, 0.2]])).tolist() == [0.7, 0.3]


def test_agreement_leaves_the_neutral_class_out():
    # .3/(.3+.1) = .75; no opinion either way is ½; NaN stays
    entail = np.array([[0.3, 0.0, np.nan]])
    contradict = np.array([[0.1, 0.0, np.nan]])
    assert agreement(entail, contradict) == pytest.approx(
        np.array([[0.75, 0.5, np.nan]]), nan_ok=True
    )


def test_consistency_by_hand():
    agreements = np.array([[np.nan, 0.2, 0.6], [np.nan, 1.0, 0.0]])
    assert consistency(agreements) == pytest.approx([0.4, 0.5])
    without = consistency_leave_one_out(agreements)
    expected = np.array([[np.nan, 0.6, 0.2], [np.nan, 0.0, 1.0]])
    assert without == pytest.approx(expected, nan_ok=True)


def test_shrinkage_by_hand():
    # one certain claim, a = ½: 1 − (1 + ½)/(1 + 1) = ¼; four of them: 1 − 4.5/5 = .1
    assert shrunk_uncertainty(np.ones(1)) == pytest.approx(0.25)
    assert shrunk_uncertainty(np.ones(4)) == pytest.approx(0.1)
    assert shrunk_uncertainty(np.zeros(4)) == pytest.approx(0.9)


def test_no_claim_is_nan_never_zero():
    assert np.isnan(shrunk_uncertainty(np.empty(0)))
    assert np.isnan(shrunk_uncertainty(np.empty((0, 3)))).tolist() == [True] * 3


@given(arrays(np.float64, st.integers(1, 12), elements=unit), st.floats(0.01, 10))
def test_bounds_and_order(claims, prior):
    u = float(shrunk_uncertainty(claims, prior))
    assert 0 <= u <= 1
    assert shrunk_uncertainty(claims[::-1], prior) == pytest.approx(u)
    better = np.minimum(claims + 0.1, 1.0)
    assert shrunk_uncertainty(better, prior) <= u + 1e-12


@given(arrays(np.float64, (3, 5), elements=unit))
def test_leave_one_out_is_consistency_of_the_rest(agreements):
    without = consistency_leave_one_out(agreements)
    for k in range(5):
        assert without[:, k] == pytest.approx(consistency(np.delete(agreements, k, axis=1)))


def test_p_true_by_hand():
    # ln 3 against ln 1: P(True) = ¾
    assert p_true(np.log([3.0, 1e-300]), np.log([1.0, 1.0])) == pytest.approx([0.25, 1.0])
    assert np.isnan(p_true(np.array(-np.inf), np.array(-np.inf)))
