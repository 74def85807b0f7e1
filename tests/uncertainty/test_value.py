import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from udasa_data.uncertainty.value import (
    fit_reward_temperature,
    judged_violation,
    risk_and_disagreement,
    value_leave_one_out,
)


def test_two_scorers_with_weight_one_give_their_maximum():
    # log-odds −ln 4 and ln 4: mean 0, population sd ln 4, and σ(ln 4) = .8
    assert risk_and_disagreement(np.array([0.2, 0.8]), 1.0) == pytest.approx(0.8)
    # half the sd by default: σ(½ ln 4) = 2/3
    assert risk_and_disagreement(np.array([0.2, 0.8])) == pytest.approx(2 / 3)


def test_agreement_on_harm_is_still_uncertain():
    assert risk_and_disagreement(np.array([0.9, 0.9, 0.9])) == pytest.approx(0.9)


def test_disagreement_raises():
    # log-odds −ln 9, 0, ln 9: mean 0, sd ln 9 · √(2/3)
    p = np.array([0.1, 0.5, 0.9])
    sd = np.log(9) * np.sqrt(2 / 3)
    assert risk_and_disagreement(p, 0.0) == pytest.approx(0.5)
    assert risk_and_disagreement(p, 1.0) == pytest.approx(1 / (1 + np.exp(-sd)))


def test_a_scorer_that_knows_nothing_does_not_hide_one_that_is_sure():
    # log-odds ln 99 and 0: mean ½ ln 99, sd the same: σ(¾ ln 99) = .969
    assert risk_and_disagreement(np.array([0.99, 0.5])) == pytest.approx(0.969, abs=5e-4)


def test_certainty_is_bounded():
    # 1 counts as 1 − 1e-6, 0 as 1e-6: opposite log-odds, mean 0
    assert risk_and_disagreement(np.array([0.0, 1.0]), 0.0) == pytest.approx(0.5)


def test_absent_scorers_are_left_out():
    assert risk_and_disagreement(np.array([0.4, np.nan])) == pytest.approx(0.4)
    assert np.isnan(risk_and_disagreement(np.array([np.nan, np.nan])))


def test_leave_one_out_by_hand():
    assert value_leave_one_out(np.array([0.2, 0.8])) == pytest.approx([0.8, 0.2])


@given(arrays(np.float64, (4, 3), elements=st.floats(0, 1, width=32)), st.floats(0, 3))
def test_bounds_and_symmetry(p, weight):
    u = risk_and_disagreement(p, weight)
    assert ((u > 0) & (u <= 1)).all()
    assert risk_and_disagreement(p[:, ::-1], weight) == pytest.approx(u, abs=1e-12)
    # never below the geometric mean of the odds
    assert (u >= risk_and_disagreement(p, 0.0) - 1e-12).all()


def test_judged_violation_by_hand():
    # Yes to "violates" at 3 : 1 and No to "respects" at 3 : 1 agree: ¾
    assert judged_violation(np.log([3.0]), -np.log([3.0])) == pytest.approx([0.75])
    # the same judge with e⁵ times the odds for Yes, whatever is asked
    assert judged_violation(np.log([3.0]) + 5, -np.log([3.0]) + 5) == pytest.approx([0.75])
    # one who says Yes to everything knows nothing
    assert judged_violation(np.array([9.0]), np.array([9.0])) == pytest.approx([0.5])
    assert np.isnan(judged_violation(np.array([np.nan, np.inf]), np.array([0.0, np.inf]))).all()


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-50, 50))
def test_judged_violation_ignores_a_leaning(violates, respects, lean):
    one, other = np.array([violates]), np.array([respects])
    p = judged_violation(one, other)
    assert judged_violation(one + lean, other + lean) == pytest.approx(p)
    assert 0 <= p[0] <= 1
    assert judged_violation(other, one) == pytest.approx(1 - p)


def test_reward_temperature_by_hand():
    # margins +2 thrice and −2 once: σ(2/T) = ¾, so 2/T = ln 3
    margins = np.array([2.0, 2.0, -2.0, 2.0, np.nan])
    assert fit_reward_temperature(margins) == pytest.approx(2 / np.log(3))


def test_reward_temperature_at_its_bounds():
    assert fit_reward_temperature(np.array([1.0, 2.0])) == 0.0  # never wrong
    assert fit_reward_temperature(np.array([1.0, -1.0])) == np.inf  # no better than chance
    assert fit_reward_temperature(np.array([-1.0, 0.5])) == np.inf
    assert np.isnan(fit_reward_temperature(np.array([np.nan])))


@given(
    arrays(np.float64, st.integers(2, 30), elements=st.floats(-20, 20, width=32)),
    st.floats(0.01, 100),
)
def test_reward_temperature_is_the_likeliest_and_has_the_margins_unit(margins, unit):
    temperature = fit_reward_temperature(margins)
    if not 0 < temperature < np.inf:
        return
    assert fit_reward_temperature(margins * unit) == pytest.approx(temperature * unit, rel=1e-6)

    def likelihood(t):
        return -np.logaddexp(0.0, -margins / t).sum()

    best = likelihood(temperature)
    assert best >= max(likelihood(temperature * 1.01), likelihood(temperature / 1.01)) - 1e-9


def test_reward_temperature_recovers_the_one_that_drew_the_labels():
    rng = np.random.default_rng(0)
    d = rng.normal(0, 3, 20_000)
    right = rng.random(d.size) < 1 / (1 + np.exp(-d / 2.5))
    # standard error of 1/T here: 1/√(Σ d² σ(1 − σ)) ≈ .004, so of T ≈ .025
    assert fit_reward_temperature(np.where(right, d, -d)) == pytest.approx(2.5, abs=0.1)
