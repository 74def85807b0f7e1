import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from udasa_data.uncertainty.value import risk_and_disagreement, value_leave_one_out


def test_two_scorers_with_weight_one_give_their_maximum():
    # mean .5, population sd .3: .5 + .3 = .8
    assert risk_and_disagreement(np.array([0.2, 0.8])) == pytest.approx(0.8)


def test_agreement_on_harm_is_still_uncertain():
    assert risk_and_disagreement(np.array([0.9, 0.9, 0.9])) == pytest.approx(0.9)


def test_disagreement_raises_and_is_clipped():
    p = np.array([0.1, 0.5, 0.9])  # mean .5, sd √(.32/3) = .3266
    assert risk_and_disagreement(p, 0.0) == pytest.approx(0.5)
    assert risk_and_disagreement(p, 1.0) == pytest.approx(0.5 + np.sqrt(0.32 / 3))
    assert risk_and_disagreement(p, 9.0) == 1.0


def test_absent_scorers_are_left_out():
    assert risk_and_disagreement(np.array([0.4, np.nan])) == pytest.approx(0.4)
    assert np.isnan(risk_and_disagreement(np.array([np.nan, np.nan])))


def test_leave_one_out_by_hand():
    assert value_leave_one_out(np.array([0.2, 0.8])) == pytest.approx([0.8, 0.2])


@given(arrays(np.float64, (4, 3), elements=st.floats(0, 1, width=32)), st.floats(0, 3))
def test_bounds_and_symmetry(p, weight):
    u = risk_and_disagreement(p, weight)
    assert ((u >= 0) & (u <= 1)).all()
    assert risk_and_disagreement(p[:, ::-1], weight) == pytest.approx(u, abs=1e-12)
    assert (u >= np.minimum(p.mean(axis=1), 1) - 1e-12).all()
