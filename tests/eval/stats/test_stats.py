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
    SHARE,
    by_cluster,
    compare,
    holm,
    mcnemar,
    mean_interval,
    minimum_detectable,
    wilson,
)
from udasa_eval.stats.resampling import posterior_means, resample

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_rate_intervals_are_those_of_statsmodels(drawn):
    successes, n = drawn
    low, high = proportion_confint(successes, n, method="wilson")
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-9)


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


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(p_values):
    theirs = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(theirs))


def test_holm_leaves_out_what_was_not_tested():
    # .01 · 2 = .02; .04 · 1
    assert holm([0.04, math.nan, 0.01])[::2] == pytest.approx([0.04, 0.02])
    assert math.isnan(holm([math.nan])[0])


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


@given(
    arrays(np.float64, 20, elements=st.floats(-3, 3)),
    arrays(np.float64, 20, elements=st.floats(-3, 3)),
)
def test_comparison_is_antisymmetric_in_its_counts(a, b):
    forth, back = compare(a, b, replicates=200), compare(b, a, replicates=200)
    assert (forth.wins, forth.losses, forth.ties) == (back.losses, back.wins, back.ties)
    assert forth.difference.mean == pytest.approx(-back.difference.mean)


def test_detectable_difference_is_that_of_statsmodels():
    # one-sample form: ratio 0; effect size in units of the sd
    theirs = NormalIndPower().solve_power(nobs1=200, alpha=0.05, power=0.8, ratio=0)
    assert minimum_detectable(1.0, 200) == pytest.approx(theirs, abs=1e-4)
    assert math.isnan(minimum_detectable(1.0, 0))


def test_half_an_observation_at_either_end_is_jeffreys():
    # 3 of 20 at the upper end: Beta(3.5, 17.5)
    means = posterior_means(np.array([1.0] * 3 + [0.0] * 17), 0.0, 1.0, seed=9)
    assert stats.kstest(means, stats.beta(3.5, 17.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize("n", [300, 6_000])
def test_posterior_means_have_the_moments_of_their_process(n):
    values = np.random.default_rng(10).beta(1, 3, size=n)
    means = posterior_means(values, 0.0, 1.0, seed=11)
    # a Dirichlet process of mass n + 1 with half at 0 and half at 1
    mean = (values.sum() + 0.5) / (n + 1)
    variance = (((values - mean) ** 2).sum() + (mean**2 + (1 - mean) ** 2) / 2) / (n + 1) / (n + 2)
    assert means.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / 10_000))
    assert means.std() == pytest.approx(np.sqrt(variance), rel=0.03)


@given(arrays(np.float64, st.integers(2, 40), elements=st.floats(0, 1)))
def test_intervals_of_shares_hold_their_mean_and_stay_in_range(scores):
    found = mean_interval(scores, within=SHARE, replicates=200)
    assert 0.0 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= 1.0
    assert found.high > found.low


def test_a_skewed_share_stays_a_share():
    # the studentised bootstrap reached 12.6 for samples such as these
    scores = np.random.default_rng(12).beta(0.05, 2.45, size=100)
    found = mean_interval(scores, within=SHARE)
    assert found.method == "bayesian-bootstrap"
    assert 0.0 < found.low < found.mean < found.high < 0.12


def test_scores_outside_of_their_range_are_refused():
    with pytest.raises(ValueError, match=r"from 0\.5 to 1\.5, not within 0 and 1"):
        mean_interval(np.array([0.5, 1.5]), within=SHARE)


def test_one_value_for_all_has_no_interval_where_no_range_is_known():
    assert math.isnan(mean_interval(np.full(20, 3.5)).low)
    # zeros alone are a rate of 0, whose interval is Wilson's
    assert mean_interval(np.zeros(20)).high == pytest.approx(wilson(0, 20).high)
    known = mean_interval(np.full(20, 0.25), within=SHARE)
    assert known.low < 0.25 < known.high


def test_binary_scores_are_tested_by_mcnemar():
    a, b = np.ones(20), np.array([1.0] * 14 + [0.0] * 6)
    found = compare(a, b)
    # six wins of six: 2 · ½⁶
    assert (found.test, found.p_value) == ("mcnemar", pytest.approx(2 / 64))
    assert 0.0 < found.difference.low < found.difference.mean == pytest.approx(0.3)
    # five of five are .0625: the interval says no more than the test
    fewer = compare(a, np.array([1.0] * 15 + [0.0] * 5))
    assert fewer.p_value == pytest.approx(0.0625)
    assert fewer.difference.low == 0.0


@given(st.integers(0, 1000), st.sampled_from([0.95, 0.99]), st.booleans())
def test_interval_and_test_agree(seed, level, share):
    rng = np.random.default_rng(seed)
    kind, n = seed % 4, 8 + seed % 30
    a = [rng.random(n), rng.random(n) < 0.5, rng.choice([0, 0.5, 1], n), rng.beta(0.2, 1, n)][kind]
    a = a.astype(float)
    b = np.where(rng.random(n) < 0.5, a, rng.permutation(a) * rng.random())
    found = compare(a, b, within=SHARE if share else None, level=level, replicates=400)
    d = found.difference
    if found.test in {"none", "sign"}:
        assert math.isnan(d.low)
    else:
        assert (d.low <= 0.0 <= d.high) == (found.p_value >= 1.0 - level)
        assert d.low <= d.mean <= d.high
    if share and math.isfinite(d.low):
        assert d.low >= -1.0
        assert d.high <= 1.0


def test_runs_that_do_not_differ_have_no_interval():
    b = np.random.default_rng(0).random(200)
    same = compare(b, b, within=SHARE)
    assert (same.ties, same.p_value, same.test) == (200, 1.0, "none")
    assert math.isnan(same.difference.low)
    # the same difference everywhere has no spread to go by: the exact sign test
    shifted = compare(np.arange(8.0) + 1.0, np.arange(8.0))
    assert (shifted.test, shifted.p_value) == ("sign", pytest.approx(2 / 2**8))
    with pytest.raises(ValueError, match="same items"):
        compare(b, b[:3])


def test_one_prompt_has_no_interval():
    found = compare(np.array([0.5]), np.array([0.25]))
    assert found.difference.mean == 0.25
    assert math.isnan(found.difference.low)
    assert found.p_value == 1.0  # one win of one
    assert math.isnan(found.detectable)


def test_detectable_difference_is_found_four_times_of_five():
    # sd 1, n 100: (1.96 + .8416)/10 = .28016
    reach = minimum_detectable(1.0, 100)
    assert reach == pytest.approx(0.28016, abs=1e-5)
    rng, zero = np.random.default_rng(8), np.zeros(100)
    found = [
        compare(rng.normal(reach, 1, size=100), zero, replicates=500).p_value for _ in range(500)
    ]
    # √(.8 · .2/500) = .018
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.8, abs=0.06)


def test_few_false_positives_on_skewed_pairs():
    # the sign-flip test found .128 of such pairs at n = 24; 400 draws: √(.087 · .913/400) = .014
    rng, mean = np.random.default_rng(13), np.full(24, 0.1)
    found = [
        compare(rng.beta(0.1, 0.9, 24), mean, within=SHARE, replicates=500).p_value < 0.05
        for _ in range(400)
    ]
    assert np.mean(found) < 0.07
