"""Coverage of the intervals, nominal 95%: what ``python -m benchmarks coverage`` says at length.

The standard error of a coverage of .95 in 300 draws is √(.95 · .05 / 300) = 1.3%.
"""

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import SCORES, coverage
from udasa_eval.stats import wilson

DRAWS = 300


@pytest.mark.parametrize("name", [name for name, kind in SCORES.items() if kind.within])
def test_shares_are_covered_and_stay_shares(name):
    held, _, least, most = coverage(SCORES[name], 24, DRAWS)
    # a rate cannot be covered to the same share at every p; else .94 less two standard errors
    assert (0.88 if name.startswith("rate") else 0.914) <= held
    assert 0.0 <= least < most <= 1.0


@pytest.mark.parametrize("name", ["no range, normal", "no range, exponential"])
def test_scores_without_a_range_are_covered_from_50_on(name):
    held, *_ = coverage(SCORES[name], 50, DRAWS)
    assert 0.91 <= held <= 0.98


def test_heavy_tails_are_covered_less():
    # the limit that the docs name
    held, *_ = coverage(SCORES["no range, log-normal"], 100, DRAWS)
    assert 0.88 < held < 0.955


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
