"""Coverage of the intervals: 10,000 samples of each kind, nominal 95%.

The standard error of a simulated coverage is √(.95 · .05 / 10,000) = .2%.
"""

import numpy as np
import pytest
from scipy import stats

from udasa_eval.stats import bonett_price, clopper_pearson, mean_interval, wilson
from udasa_eval.stats.intervals import percentile_bounds, studentised_bounds
from udasa_eval.stats.resampling import Resampled, resample

DRAWS = 10_000
REPLICATES = 999

SMOOTH = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "uniform": (lambda rng, shape: rng.random(shape), 0.5),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "toxicity": (lambda rng, shape: rng.beta(1, 9, size=shape), 0.1),
}


def resampled(samples, rng):
    """Means and standard errors of the same resamples of every sample: [D, B] from [D, N]."""
    n = samples.shape[1]
    weights = rng.multinomial(n, np.full(n, 1 / n), size=REPLICATES).T.astype(float)
    means = samples @ weights / n
    squares = samples**2 @ weights / n
    return Resampled(means, np.sqrt((squares - means**2) / (n - 1)))


def covered(samples, expected, rng, studentised=True):
    hits = 0
    for part in np.split(samples, 10):
        drawn = resampled(part, rng)
        mean = part.mean(1)
        stderr = part.std(1, ddof=1) / np.sqrt(part.shape[1])
        if studentised:
            low, high = studentised_bounds(drawn, mean, stderr, 0.95)
        else:
            low, high = percentile_bounds(drawn.means, 0.95)
        hits += int(((low <= expected) & (expected <= high)).sum())
    return hits / DRAWS


@pytest.mark.parametrize("name", SMOOTH)
def test_studentised_covers_from_50_prompts_on(name):
    rng = np.random.default_rng(0)
    draw, expected = SMOOTH[name]
    assert 0.94 <= covered(draw(rng, (DRAWS, 50)), expected, rng) <= 0.96


def test_scores_heaped_at_both_ends_are_covered_from_100_on():
    rng = np.random.default_rng(1)
    samples = rng.beta(0.5, 0.5, size=(DRAWS, 100))
    assert 0.94 <= covered(samples, 0.5, rng) <= 0.96


def test_rates_with_ties_and_their_differences_are_covered():
    rng = np.random.default_rng(2)
    ties = rng.choice([0, 0.5, 1], p=[0.5, 0.2, 0.3], size=(DRAWS, 150))
    assert 0.94 <= covered(ties, 0.4, rng, studentised=False) <= 0.96
    differences = rng.choice([-1, 0, 1], p=[0.05, 0.8, 0.15], size=(DRAWS, 150))
    assert 0.94 <= covered(differences, 0.1, rng, studentised=False) <= 0.96


def test_heavy_tails_are_covered_less_and_better_than_by_percentiles():
    # the limit that the docstring names
    rng = np.random.default_rng(3)
    samples = rng.lognormal(size=(DRAWS, 100))
    ours = covered(samples, np.exp(0.5), rng)
    plain = covered(samples, np.exp(0.5), rng, studentised=False)
    assert plain + 0.01 < ours
    assert 0.92 < ours < 0.95


def test_the_interval_is_that_of_the_simulation():
    scores = np.random.default_rng(4).exponential(size=80)
    found = mean_interval(scores, seed=5)
    drawn = resample(scores, seed=5)
    bounds = studentised_bounds(drawn, scores.mean(), scores.std(ddof=1) / np.sqrt(80), 0.95)
    assert (found.low, found.high) == pytest.approx(tuple(float(end) for end in bounds))
    assert found.method == "studentised"


def rate_coverage(interval, n, p):
    """The exact coverage: the binomial weight of the outcomes whose interval holds p."""
    k = np.arange(n + 1)
    bounds = np.array([interval(int(x), n) for x in k])
    inside = (bounds[:, 0] <= p) & (p <= bounds[:, 1])
    return float(stats.binom.pmf(k, n, p)[inside].sum())


@pytest.mark.parametrize("n", [100, 300, 805])
def test_wilson_covers_over_the_rates(n):
    # a discrete outcome cannot be covered to the same share at every p: the mean over p is meant
    coverage = [rate_coverage(wilson, n, p) for p in np.linspace(0.03, 0.97, 95)]
    assert 0.945 <= np.mean(coverage) <= 0.955
    assert min(coverage) > 0.90


def test_clopper_pearson_never_covers_less():
    assert min(rate_coverage(clopper_pearson, 60, p) for p in np.linspace(0.01, 0.99, 99)) >= 0.95


def test_few_discordant_pairs_are_covered_with_bonett_price_at_least():
    # wins, losses ~ trinomial(200; .01, .01): about 4 of 200 pairs differ
    rng = np.random.default_rng(6)
    drawn = rng.multinomial(200, [0.01, 0.01, 0.98], size=2_000)
    bounds = np.array([bonett_price(int(w), int(x), 200) for w, x, _ in drawn])
    assert np.mean((bounds[:, 0] <= 0) & (bounds[:, 1] >= 0)) >= 0.95
