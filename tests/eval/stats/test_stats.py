import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint

from udasa_eval.stats import (
    bonett_price,
    by_cluster,
    clopper_pearson,
    compare,
    holm,
    mcnemar,
    mean_interval,
    minimum_detectable,
    prompts_needed,
    wilson,
)
from udasa_eval.stats.paired import permutation_p
from udasa_eval.stats.resampling import flip_signs, resample

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_rate_intervals_are_those_of_statsmodels(drawn):
    successes, n = drawn
    for ours, theirs in ((wilson, "wilson"), (clopper_pearson, "beta")):
        low, high = proportion_confint(successes, n, method=theirs)
        assert ours(successes, n) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("pair", [(3, 0), (-1, 4), (5, 4)])
def test_no_rate_is_refused(pair):
    with pytest.raises(ValueError, match="no rate"):
        wilson(*pair)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_that_of_statsmodels(wins, losses):
    theirs = 1.0
    if wins + losses:
        theirs = float(their_mcnemar([[5, wins], [losses, 7]], exact=True).pvalue)
    assert mcnemar(wins, losses) == pytest.approx(theirs, abs=1e-12)


def test_bonett_price_by_hand():
    # p1 = 6/102, p2 = 1/102, d = 5/102 = .04902; (7/102 − d²)/102 = .00064926; 1.96 · .025481
    low, high = bonett_price(5, 0, 100)
    assert low == pytest.approx(0.049020 - 0.049941, abs=1e-5)
    assert high == pytest.approx(0.049020 + 0.049941, abs=1e-5)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(p_values):
    theirs = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(theirs))


def test_holm_leaves_out_what_was_not_tested():
    # .01 · 2 = .02; .04 · 1
    assert holm([0.04, math.nan, 0.01])[::2] == pytest.approx([0.04, 0.02])
    assert math.isnan(holm([math.nan])[0])


def test_small_permutation_tests_are_exact():
    difference = np.array([0.3, 0.1, -0.2, 0.5, 0.4])
    # by brute force over the 32 sign patterns
    signs = np.array(list(itertools.product([1, -1], repeat=5)))
    expected = np.mean(np.abs(signs @ np.abs(difference)) >= difference.sum() - 1e-12)
    assert permutation_p(difference) == pytest.approx(expected)
    theirs = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=100
    )
    assert permutation_p(difference) == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("n", [60, 6_000])
def test_random_permutation_tests_agree_with_scipy(n):
    rng = np.random.default_rng(0)
    difference = rng.normal(1.5 / np.sqrt(n), 1.0, size=n)
    theirs = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=4_000, rng=rng, batch=200
    ).pvalue
    # two Monte Carlo estimates: standard errors √(p (1 − p)/4,000) ≤ .0079 and half of it
    assert permutation_p(difference) == pytest.approx(theirs, abs=4 * 0.0089)


def test_percentile_interval_is_that_of_scipy():
    rng = np.random.default_rng(1)
    values = rng.choice([0, 0.5, 1], size=200)
    ours = mean_interval(values)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=rng, vectorized=True)
    assert ours.method == "percentile"
    ends = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((ends.low, ends.high), abs=0.004)


def test_cells_resample_as_items_do():
    rng = np.random.default_rng(2)
    values = rng.exponential(size=5_000)
    cells = resample(values, seed=3)
    items = rng.choice(values, size=(4_000, 5_000)).mean(1)
    # the bootstrap distribution: its sd is the sample's sd/√n, its shape the items'
    assert cells.means.std() == pytest.approx(values.std() / np.sqrt(5_000), rel=0.03)
    assert stats.ks_2samp(cells.means, items).pvalue > 1e-3
    assert cells.stderrs.mean() == pytest.approx(values.std(ddof=1) / np.sqrt(5_000), rel=0.01)


def test_cells_keep_an_outlier_whole():
    values = np.concatenate([np.zeros(5_000) + np.arange(5_000) * 1e-6, [1_000.0]])
    means = resample(values, seed=4).means
    # the outlier is drawn Poisson(1) times: never in e⁻¹ = 36.8% of the resamples
    assert np.mean(means < 0.1) == pytest.approx(0.368, abs=0.02)


def test_flips_of_many_values_have_the_right_spread():
    sizes = np.random.default_rng(5).normal(size=20_000)
    sums, complete = flip_signs(sizes, seed=6)
    assert not complete
    # Σ ±d has the variance Σ d²
    assert sums.std() == pytest.approx(np.sqrt((sizes**2).sum()), rel=0.03)
    assert stats.kstest(sums / np.sqrt((sizes**2).sum()), "norm").pvalue > 1e-3


def test_interval_of_a_known_mean():
    scores = np.array([0.0, 1.0] * 50)
    interval = mean_interval(scores)
    # se = .5/√100 = .05: the interval is about .5 ± 1.96·.05
    assert interval.mean == 0.5
    assert interval.low == pytest.approx(0.402, abs=0.011)
    assert interval.high == pytest.approx(0.598, abs=0.011)
    assert (interval.n, interval.unscored) == (100, 0)


def test_unscored_is_not_zero():
    interval = mean_interval(np.array([1.0, np.nan, 1.0]))
    assert (interval.mean, interval.n, interval.unscored) == (1.0, 2, 1)
    with pytest.raises(ValueError, match="no item"):
        mean_interval(np.array([np.nan]))


def test_samples_of_a_prompt_are_averaged_first():
    scores = np.array([1.0, 0.0, np.nan, 0.2, np.nan, np.nan])
    prompts = np.array(["a", "a", "b", "b", "c", "c"])
    assert by_cluster(scores, prompts)[:2] == pytest.approx([0.5, 0.2])
    interval = mean_interval(scores, clusters=prompts)
    # (.5 + .2)/2; the third prompt has no score
    assert interval.mean == pytest.approx(0.35)
    assert (interval.n, interval.unscored) == (2, 1)


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(7)
    prompts = np.repeat(np.arange(100), 8)
    scores = np.repeat(rng.random(100), 8)  # eight samples, all alike
    wide, narrow = mean_interval(scores, clusters=prompts), mean_interval(scores)
    # eight like samples are one: √8 = 2.83 times as wide
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2.83, rel=0.08)


@given(arrays(np.float64, st.integers(2, 40), elements=st.floats(0, 1)))
def test_intervals_hold_their_mean(scores):
    found = mean_interval(scores, replicates=200)
    assert found.low <= found.mean + 1e-9
    assert found.mean <= found.high + 1e-9


@given(
    arrays(np.float64, 20, elements=st.floats(-3, 3)),
    arrays(np.float64, 20, elements=st.floats(-3, 3)),
)
def test_comparison_is_antisymmetric_in_its_counts(a, b):
    forth, back = compare(a, b, replicates=200), compare(b, a, replicates=200)
    assert (forth.wins, forth.losses, forth.ties) == (back.losses, back.wins, back.ties)
    assert forth.difference.mean == pytest.approx(-back.difference.mean)


def test_binary_scores_are_tested_by_mcnemar():
    a, b = np.ones(20), np.array([1.0] * 14 + [0.0] * 6)
    found = compare(a, b)
    # six wins of six: 2 · ½⁶
    assert (found.test, found.p_value) == ("mcnemar", pytest.approx(2 / 64))
    assert found.difference.method == "bonett-price"
    assert found.difference.low < found.difference.mean == pytest.approx(0.3)


def test_paired_comparison():
    rng = np.random.default_rng(0)
    b = rng.normal(size=200)
    better = compare(b + 0.1, b)
    assert better.difference.mean == pytest.approx(0.1)
    assert better.wins == 200
    # no random pattern of 200 signs is all plus or all minus: the least that 10,000 can say
    assert better.p_value == pytest.approx(1 / 10001)
    same = compare(b, b)
    assert (same.ties, same.p_value) == (200, 1.0)
    with pytest.raises(ValueError, match="same items"):
        compare(b, b[:3])


def test_one_prompt_has_no_interval():
    found = compare(np.array([0.5]), np.array([0.25]))
    assert found.difference.mean == 0.25
    assert math.isnan(found.difference.low)
    assert found.p_value == 1.0  # of the two sign patterns both are as extreme
    assert math.isnan(found.detectable)


def test_detectable_difference_is_that_of_statsmodels():
    # one-sample form: ratio 0; effect size in units of the sd
    theirs = NormalIndPower().solve_power(nobs1=200, alpha=0.05, power=0.8, ratio=0)
    assert minimum_detectable(1.0, 200) == pytest.approx(theirs, abs=1e-4)
    assert prompts_needed(1.0, theirs) in {200, 201}
    assert math.isnan(minimum_detectable(1.0, 0))


def test_detectable_difference_is_found_four_times_of_five():
    # sd 1, n 100: (1.96 + .8416)/10 = .28016
    reach = minimum_detectable(1.0, 100)
    assert reach == pytest.approx(0.28016, abs=1e-5)
    rng = np.random.default_rng(8)
    found = [permutation_p(rng.normal(reach, 1, size=100), replicates=500) for _ in range(500)]
    # √(.8 · .2/500) = .018
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.8, abs=0.06)
