"""Statistics of comparison: intervals of a mean, and paired tests of a difference."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

REPLICATES = 10_000


class Interval(NamedTuple):
    """A mean with its bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int
    unscored: int


class Comparison(NamedTuple):
    """A paired comparison of two systems on the same items."""

    difference: Interval  # mean of a − b
    p_value: float  # two-sided
    wins: int  # items on which a scores higher
    losses: int
    ties: int


def mean_interval(scores: Floats, *, level: float = 0.95, seed: int = 0) -> Interval:
    """Return the mean of per-item scores and its percentile bootstrap interval.

    Items are resampled with replacement (Efron & Tibshirani 1993, ch. 13). NaN items are unscored:
    counted, and left out.

    Args:
        scores: [N]; higher is better.
        level: coverage in (0, 1).
        seed: of the resampling.

    Raises:
        ValueError: no item is scored.
    """
    finite = scores[np.isfinite(scores)]
    if finite.size == 0:
        raise ValueError("no item is scored")
    means = _bootstrap_means(finite, seed)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    n = int(finite.size)
    return Interval(float(finite.mean()), float(low), float(high), n, int(scores.size - n))


def compare(a: Floats, b: Floats, *, level: float = 0.95, seed: int = 0) -> Comparison:
    """Compare two systems on the same items: paired bootstrap, two-sided p-value.

    The p-value is twice the smaller share of bootstrap mean differences on either side of 0, with
    one added to numerator and denominator (Davison & Hinkley 1997, §4.2.5), so never 0.

    Args:
        a: [N] scores of system a; higher is better.
        b: [N] scores of system b on the same items. An item unscored in either is left out.
        level: coverage of the interval.
        seed: of the resampling.

    Raises:
        ValueError: the shapes differ, or no item is scored in both.
    """
    if a.shape != b.shape:
        raise ValueError(f"{a.size} scores against {b.size}: the same items are needed")
    difference = a - b
    interval = mean_interval(difference, level=level, seed=seed)
    finite = difference[np.isfinite(difference)]
    means = _bootstrap_means(finite, seed)
    smaller = min((means <= 0).sum(), (means >= 0).sum())
    p_value = min(1.0, 2.0 * (smaller + 1) / (REPLICATES + 1))
    wins, losses = int((finite > 0).sum()), int((finite < 0).sum())
    return Comparison(interval, float(p_value), wins, losses, int(finite.size) - wins - losses)


def _bootstrap_means(values: Floats, seed: int) -> Floats:
    """Return [REPLICATES] means of resamples, drawn in blocks that bound the memory."""
    rng = np.random.default_rng(seed)
    block = max(1, 4_000_000 // values.size)
    sizes = [min(block, REPLICATES - start) for start in range(0, REPLICATES, block)]
    draws = [values[rng.integers(values.size, size=(size, values.size))].mean(1) for size in sizes]
    return np.concatenate(draws)
