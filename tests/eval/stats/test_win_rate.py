import numpy as np
import pytest
import statsmodels.api as sm

from udasa_eval.stats.length_control import (
    Gamed,
    fit_l1,
    fit_normal,
    length_adjusted,
    length_controlled,
    logit_interval,
)
from udasa_eval.stats.win_rates import length_term, sigmoid, win_rate


def test_ties_count_half_and_unscored_not_at_all():
    found = win_rate(np.array([1.0, 0.0, 0.5, np.nan, 0.9]))
    # (1 + 0 + .5 + .9) / 4
    assert found.value == pytest.approx(0.6)
    assert (found.wins, found.ties, found.losses, found.unscored, found.n) == (2, 1, 1, 1, 4)
    # sd of (1, 0, .5, .9): squares .16, .36, .01, .09 sum to .62; √(.62/3)/√4
    assert found.stderr == pytest.approx(np.sqrt(0.62 / 3) / 2)


@pytest.mark.parametrize("bad", [[np.nan], [1.2], [-0.1]])
def test_refused(bad):
    with pytest.raises(ValueError, match=r"scored|not in"):
        win_rate(np.array(bad))


def test_length_term_is_not_centred():
    # differences 100 and 300: sd = √20000 = 141.42
    term = length_term(np.array([200.0, 0.0]), np.array([300.0, 300.0]))
    assert term == pytest.approx(np.tanh([100 / 141.4213562, 300 / 141.4213562]))
    assert length_term(np.array([5.0]), np.array([5.0])).tolist() == [0.0]


def test_the_fits_are_those_of_statsmodels():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=600), rng.normal(size=600), np.ones(600)])
    y = sigmoid(x @ np.array([-1.0, 0.5, 0.3]) + rng.normal(size=600))
    theirs = sm.GLM(y, x, family=sm.families.Binomial()).fit().params
    assert fit_normal(x, y, np.full(3, 1e6)).beta == pytest.approx(theirs, abs=1e-6)
    # where the coefficients matter, the folds choose a weak penalty
    assert fit_l1(x, y, np.ones(600)) == pytest.approx(theirs, abs=0.02)


def drawn(rng, n, theta, psi, gamma):
    """Preferences of a model with these coefficients, lengths, and the baseline's."""
    base = rng.uniform(300, 1500, n)
    length = base + 400 * rng.normal(size=n) + 300
    p = sigmoid(theta * length_term(length, base) + gamma + psi)
    return (rng.random(n) < p).astype(float), length, base


def gamed(rng, gamma):
    """A verbose and a concise baseline of the same length effect."""
    n = gamma.size
    length = np.tanh(np.concatenate([rng.normal(-1.5, 1, n), rng.normal(1.5, 1, n)]))
    both = np.tile(gamma, 2)
    return Gamed(sigmoid(-2.0 * length + both), length, both)


def test_length_control_takes_out_what_length_brings():
    rng = np.random.default_rng(1)
    gamma = rng.normal(size=4_000)
    preference, *lengths = drawn(rng, 4_000, -2.0, -1.0, gamma)
    expected = float(sigmoid(gamma - 1.0).mean())
    raw = win_rate(preference)
    found = length_controlled(preference, *lengths, gamma, gamed(rng, gamma))
    assert raw.value > expected + 0.1
    assert found.value == pytest.approx(expected, abs=4 * found.stderr)
    assert (found.length, found.difficulty) == pytest.approx((-2.0, 1.0), abs=0.15)
    assert found.of_prompt.mean() == pytest.approx(found.value)
    # without difficulties, still nearer than the raw one
    adjusted = length_adjusted(preference, *lengths)
    assert abs(adjusted.value - expected) < abs(raw.value - expected)


def test_gamed_baselines_say_what_length_does_where_the_model_cannot():
    """All answers are half as long: what length brings cannot be told from what the model is."""
    rng = np.random.default_rng(3)
    gamma, base = rng.normal(size=805), rng.uniform(900, 1100, 805)
    length = base / 2
    p = sigmoid(-2.0 * length_term(length, base) + gamma - 1.0)
    preference = (rng.random(805) < p).astype(float)
    found = length_controlled(preference, length, base, gamma, gamed(rng, gamma))
    assert win_rate(preference).value < 0.12
    assert found.value == pytest.approx(float(sigmoid(gamma - 1.0).mean()), abs=0.08)


def test_unscored_prompts_are_weighed_but_not_fitted():
    rng = np.random.default_rng(4)
    gamma = rng.normal(size=400)
    preference, *lengths = drawn(rng, 400, -1.0, 0.0, gamma)
    preference[:40] = np.nan
    found = length_controlled(preference, *lengths, gamma, gamed(rng, gamma))
    assert found.of_prompt.size == 400
    assert np.isfinite(found.of_prompt).all()


def test_length_adjustment_at_equal_lengths_is_the_raw_rate():
    preference = np.array([1.0, 1.0, 0.0, 1.0] * 50)
    same = np.full(200, 80.0)
    found = length_adjusted(preference, same, same)
    assert found.value == pytest.approx(0.75, abs=1e-3)
    # the sandwich of an intercept alone: √(p (1 − p) / n)
    assert found.stderr == pytest.approx(np.sqrt(0.75 * 0.25 / 200), rel=0.01)


def test_all_won_stays_finite():
    found = length_adjusted(np.ones(50), np.arange(50.0), np.full(50, 20.0))
    assert 0.99 < found.value < 1.0
    low, high = logit_interval(found.value, found.stderr)
    assert 0.0 < low < found.value < high < 1.0


def test_standard_error_covers():
    # coverage of the influence function's interval; prompts do not differ in difficulty
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(300):
        preference, *lengths = drawn(rng, 300, -2.0, -1.0, np.zeros(300))
        found = length_adjusted(preference, *lengths)
        low, high = logit_interval(found.value, found.stderr)
        inside.append(low < sigmoid(-1.0) < high)
    assert np.mean(inside) > 0.92  # .95 − 2.4 · √(.95 · .05 / 300)
