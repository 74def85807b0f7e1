"""How well a score ranks: area under the ROC curve, prediction–rejection ratio, intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from udasa_eval.stats.resampling import Floats, Ints


class Estimate(NamedTuple):
    """A statistic of n rows with its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float
    n: int


def auroc(uncertainty: Floats, bad: Floats) -> float:
    """Return the probability that a bad answer is more uncertain than a good one.

    (Σ_{bad} rank − n_b (n_b + 1)/2) / (n_b n_g), mid-ranks for ties (Mann–Whitney; Hanley & McNeil
    1982, Radiology 143(1)).

    Args:
        uncertainty: [N] finite, higher is more uncertain.
        bad: [N] 1 bad, 0 good.

    Returns:
        in [0, 1], ½ is chance; NaN when all answers are of one kind.
    """
    is_bad = bad > 0.5
    n_bad = int(is_bad.sum())
    n_good = len(bad) - n_bad
    if n_bad == 0 or n_good == 0:
        return float("nan")
    ranks = rankdata(uncertainty)
    above = ranks[is_bad].sum() - n_bad * (n_bad + 1) / 2
    return float(above / (n_bad * n_good))


def prediction_rejection_ratio(uncertainty: Floats, bad: Floats) -> float:
    """Return how much of the gain of perfect rejection rejecting by uncertainty brings.

    PRR = (A_u − A_random) / (A_oracle − A_random), A the mean over n = 1…N of the share of good
    answers among the n least uncertain (Malinin et al. 2017, "Incorporating uncertainty into deep
    learning for spoken language assessment", ACL, §3; quality is 1 − bad). Tied answers count by
    their group's mean, so that their order does not matter.

    Args:
        uncertainty: [N] finite, higher is more uncertain.
        bad: [N] 1 bad, 0 good.

    Returns:
        at most 1; 0 is chance; NaN when all answers are of one kind.
    """
    good = 1.0 - bad
    base = good.mean()
    if base in {0.0, 1.0}:
        return float("nan")
    _, group = np.unique(uncertainty, return_inverse=True)
    of_group = np.bincount(group, weights=good) / np.bincount(group)
    by_u = of_group[np.sort(group)]
    return float((_area(by_u) - base) / (_area(np.sort(good)[::-1]) - base))


def preference_accuracy(preferred: Floats, other: Floats) -> float:
    """Return the share of comparisons in which the preferred answer is less uncertain.

    Args:
        preferred: [N] uncertainty of the answer that people preferred.
        other: [N] of the other one. Ties count half.

    Returns:
        in [0, 1], ½ is chance; NaN for N = 0.
    """
    if len(preferred) == 0:
        return float("nan")
    return float(np.mean((preferred < other) + 0.5 * (preferred == other)))


def clustered(
    statistic: Callable[[Ints], float], clusters: Ints, *, replicates: int = 1000, seed: int = 0
) -> Estimate:
    """Return a statistic with its percentile bootstrap interval, whole clusters resampled.

    Rows of one question are not independent (Cameron, Gelbach & Miller 2008, Review of Economics
    and Statistics 90(3)). Resamples on which the statistic is not defined are left out.

    Args:
        statistic: of the rows whose numbers it is given.
        clusters: [N] the cluster of each row.
        replicates: resamples.
        seed: of the resampling.
    """
    rows = np.arange(len(clusters))
    value = statistic(rows) if len(rows) else float("nan")
    if not np.isfinite(value):
        return Estimate(value, value, value, len(rows))
    order = np.argsort(clusters, kind="stable")
    bounds = np.flatnonzero(np.diff(clusters[order], prepend=clusters[order[0]] - 1))
    members = np.split(order, bounds[1:])
    draws = [
        statistic(np.concatenate([members[c] for c in drawn]))
        for drawn in _drawn(len(members), replicates, seed)
    ]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Estimate(value, float(low), float(high), len(rows))


def clustered_auroc(
    uncertainty: Floats, bad: Floats, clusters: Ints, *, replicates: int = 1000, seed: int = 0
) -> Estimate:
    """Return ``clustered`` of :func:`auroc`, the same numbers in a fifth of the time.

    Rows are sorted once; a resample only weighs them: Σ_{bad} w_i (w of good below + ½ w of good
    that tie) / (w of bad · w of good). All sums are of halves, and so exact.

    Args:
        uncertainty: [N] finite, higher is more uncertain.
        bad: [N] 1 bad, 0 good.
        clusters: [N] the cluster of each row.
        replicates: resamples.
        seed: of the resampling.
    """
    value = auroc(uncertainty, bad)
    if not np.isfinite(value):
        return Estimate(value, value, value, len(bad))
    order = np.argsort(uncertainty, kind="stable")
    is_bad = bad[order] > 0.5
    ties = np.flatnonzero(np.diff(uncertainty[order], prepend=np.nan))  # NaN differs from all
    _, cluster = np.unique(clusters, return_inverse=True)
    count = int(cluster.max()) + 1
    draws = np.empty(replicates)
    for n, drawn in enumerate(_drawn(count, replicates, seed)):
        weight = np.bincount(drawn, minlength=count)[cluster[order]]
        of_bad = np.add.reduceat(np.where(is_bad, weight, 0), ties)
        of_good = np.add.reduceat(np.where(is_bad, 0, weight), ties)
        above = (of_bad * (np.cumsum(of_good) - of_good / 2)).sum()
        pairs = of_bad.sum() * of_good.sum()
        draws[n] = above / pairs if pairs else np.nan
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Estimate(value, float(low), float(high), len(bad))


def _drawn(clusters: int, replicates: int, seed: int) -> Iterator[Ints]:
    """Yield the clusters of each resample."""
    rng = np.random.default_rng(seed)
    for _ in range(replicates):
        yield rng.integers(clusters, size=clusters)


def _area(quality: Floats) -> float:
    """Return the mean over n of the mean quality of the first n."""
    return float((np.cumsum(quality) / np.arange(1, len(quality) + 1)).mean())
