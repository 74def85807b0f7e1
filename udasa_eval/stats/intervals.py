"""Intervals of a mean over prompts, each kind of score by the method that covers it."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_eval.stats.rates import wilson
from udasa_eval.stats.resampling import REPLICATES, Floats, Resampled, posterior_means, resample

Keys: TypeAlias = NDArray[np.int64] | NDArray[np.str_]
Method: TypeAlias = Literal["wilson", "bayesian-bootstrap", "studentised", "none"]


class Range(NamedTuple):
    """The least and the most that a score can be."""

    low: float
    high: float


SHARE = Range(0.0, 1.0)


class Interval(NamedTuple):
    """A mean with its interval; NaN ends where nothing is known of the spread."""

    mean: float
    low: float
    high: float
    n: int  # prompts scored
    unscored: int  # prompts without a value
    stderr: float
    method: Method


def mean_interval(
    scores: Floats,
    *,
    within: Range | None = None,
    clusters: Keys | None = None,
    level: float = 0.95,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Interval:
    """Return the mean over prompts and an interval whose coverage was checked by simulation.

    Values of 0 and 1 are a rate: Wilson's interval. Scores of a known range get the Bayesian
    bootstrap with half an observation at either end, and so never leave the range. Scores of no
    known range get the studentised bootstrap, (mean* − mean)/se* in place of Student's t, or,
    where more than half of them are one value and resamples have no steady scale, the Bayesian
    bootstrap as far out as the farthest score seen. One value alone, or one for all where no range
    is known, has no interval. Coverage by kind and n is in ``docs/evaluation.md``
    (``python -m benchmarks coverage``).

    Args:
        scores: [N]; NaN is unscored: counted, and left out.
        within: the range that scores can have; None for those that have none.
        clusters: [N] the prompt of each score. The scored ones of a prompt are averaged, and
            prompts are resampled, since samples of one prompt are not independent.
        level: coverage in (0, 1).
        seed: of the resampling.
        replicates: resamples.

    Raises:
        ValueError: no item is scored, or a score lies outside of the range.
    """
    values = scores if clusters is None else by_cluster(scores, clusters)
    finite, interval = plain(values)
    if within is not None and (finite.min() < within.low or finite.max() > within.high):
        raise ValueError(
            f"scores from {finite.min():g} to {finite.max():g}, not within "
            f"{within.low:g} and {within.high:g}"
        )
    if interval.n == 1:
        return interval
    if within in {None, SHARE} and ((finite == 0) | (finite == 1)).all():
        low, high = wilson(float(finite.sum()), interval.n, level=level)
        return interval._replace(low=low, high=high, method="wilson")
    if within is None and interval.stderr == 0.0:
        return interval
    if within is None and not heaped(finite):
        t = studentised(finite, seed=seed, replicates=replicates)
        low, high = studentised_ends(t, interval, level)
        return interval._replace(low=low, high=high, method="studentised")
    reach = float(np.abs(finite - interval.mean).max())
    ends = within or Range(interval.mean - reach, interval.mean + reach)
    means = posterior_means(finite, *ends, replicates=replicates, seed=seed)
    low, high = middle(means, level)
    low, high = min(low, interval.mean), max(high, interval.mean)
    return interval._replace(low=low, high=high, method="bayesian-bootstrap")


def by_cluster(scores: Floats, clusters: Keys) -> Floats:
    """Return the mean of the scored values of each cluster, in the order of its key; NaN if none.

    Args:
        scores: [N].
        clusters: [N].
    """
    _, group = np.unique(clusters, return_inverse=True)
    finite = np.isfinite(scores)
    sums = np.bincount(group, weights=np.where(finite, scores, 0.0))
    counts = np.bincount(group, weights=finite)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts)


def standard_error(values: Floats) -> float:
    """Return sd/√n, the standard error of the mean of N values; NaN for fewer than two."""
    n = values.size
    return float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")


def plain(values: Floats) -> tuple[Floats, Interval]:
    """Return the scored values, and their mean and standard error with no interval yet.

    Raises:
        ValueError: no item is scored.
    """
    finite = values[np.isfinite(values)]
    n = int(finite.size)
    if n == 0:
        raise ValueError("no item is scored")
    nan = float("nan")
    mean, unscored = float(finite.mean()), values.size - n
    stderr = 0.0 if n > 1 and np.ptp(finite) == 0.0 else standard_error(finite)
    return finite, Interval(mean, nan, nan, n, unscored, stderr, "none")


def heaped(values: Floats) -> bool:
    """Whether more than half of the values are the same one."""
    return int(np.unique(values, return_counts=True)[1].max()) * 2 > values.size


def middle(draws: Floats, level: float) -> tuple[float, float]:
    """Return the ends of the middle ``level`` of draws."""
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    return float(low), float(high)


def studentised(values: Floats, *, seed: int, replicates: int) -> Floats:
    """Return (mean* − mean)/se* of resamples (Efron & Tibshirani 1993, §12.5), [≤ B].

    A resample of one value alone has no scale and is left out.
    """
    drawn: Resampled = resample(values, replicates=replicates, seed=seed)
    usable = drawn.stderrs > 1e-9 * np.abs(values - values.mean()).max()
    return np.asarray((drawn.means[usable] - values.mean()) / drawn.stderrs[usable])


def studentised_ends(t: Floats, interval: Interval, level: float) -> tuple[float, float]:
    """Return mean − t*·se at both ends of the middle ``level`` of t*."""
    below, above = middle(t, level)
    mean, stderr = interval.mean, interval.stderr
    return min(mean, mean - above * stderr), max(mean, mean - below * stderr)
