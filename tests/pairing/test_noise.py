"""The noise of uncertainties, and what equally good answers show of it."""

import numpy as np
import pytest
from scipy.stats import norm

from udasa_data.pairing.noise import expected_range, noise_range, pair_se, spread
from udasa_data.uncertainty import semantic

RNG = np.random.default_rng(0)


def equally_good(k, n=1500):
    """Return [n, k] uncertainties and [n, k, k] replicates of answers that agree at random."""
    entail = RNG.beta(0.3, 0.6, (n, k, k))
    entail[:, range(k), range(k)] = 1.0
    return semantic.degree(entail), semantic.degree_leave_one_out(entail)


@pytest.mark.parametrize(("k", "least", "most"), [(4, 0.45, 0.65), (8, 0.35, 0.55), (16, 0.4, 0.6)])
def test_about_half_of_pure_noise_passes_the_default_floor(k, least, most):
    u, by_sample = equally_good(k)
    floor = 0.9 * noise_range(
        spread(by_sample, np.zeros((len(u), k, 0))), np.full(len(u), k), "max"
    )
    assert least < (u.max(axis=1) - u.min(axis=1) > floor).mean() < most


def test_expected_range_of_two_is_that_of_their_difference():
    assert expected_range(2) == pytest.approx(2 / np.sqrt(np.pi))
    drawn = norm.rvs(size=(40_000, 8), random_state=0)
    assert expected_range(8) == pytest.approx(
        (drawn.max(axis=1) - drawn.min(axis=1)).mean(), abs=0.02
    )


def test_what_moves_all_answers_alike_is_no_noise():
    common = RNG.normal(size=(1, 1, 3)) + np.array([0.1, 0.5, 0.9, 0.3])[None, :, None]
    nothing = np.zeros((1, 4, 4))
    assert spread(nothing, common) == pytest.approx([0.0])
    assert spread(nothing, common + RNG.normal(size=(1, 4, 3)))[0] > 0.1


def test_value_scorers_that_differ_about_a_pair_widen_its_error():
    by_sample, by_scorer = np.zeros((1, 4, 4)), np.zeros((1, 4, 2))
    by_scorer[0, 1] = (0.2, 0.6)  # chosen 0: no noise; rejected 1: √(½ · 2 · .2²) = .2
    chosen, rejected = np.array([0]), np.array([1])
    assert pair_se(by_sample, by_scorer, chosen, rejected) == pytest.approx([0.2])


def test_a_rejected_answer_that_is_no_extreme_is_half_as_far():
    sd, n = np.array([0.1]), np.array([8])
    assert noise_range(sd, n, "median") == pytest.approx(noise_range(sd, n, "max") / 2)
    assert noise_range(sd, np.array([1]), "max") == [0.0]
