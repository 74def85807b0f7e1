"""Means of resamples and of random weights, 10,000 at a time, in bounded time and memory.

Values are put into cells. Where there are few distinct values, each is a cell, and how often a
resample holds it is one multinomial draw: exact, and its cost does not depend on n. Up to 4,096
values otherwise, each resample is drawn item by item: exact. Beyond, the 16 smallest and the 16
largest values are cells of their own, and the rest fall into 128 cells of equal count: the counts
of cells are drawn exactly, and only the sum of deviations from the cells' means, a share of about
1e-4 of the variance over thousands of terms, is drawn as a normal variate. The weights of a cell
are the sum of its items' exponential ones: one gamma variate.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

REPLICATES: Final = 10_000
_ITEMWISE: Final = 4_096  # values, up to which resamples are drawn item by item
_DISTINCT: Final = 160  # distinct values, up to which each is a cell
_TAIL: Final = 16
_MIDDLE: Final = 128
_BLOCK: Final = 2_000_000  # items of a block of resamples: 16 MB
_AT_AN_END: Final = 0.5  # observations that the prior puts at either end of the range


class Resampled(NamedTuple):
    """Of each resample, [B]: its mean, and the standard error computed from it alone."""

    means: Floats
    stderrs: Floats


class Cells(NamedTuple):
    """Values in cells, [C] each."""

    counts: Ints
    means: Floats
    mean_squares: Floats
    spread: Floats  # variance about the cell's mean


def resample(values: Floats, *, replicates: int = REPLICATES, seed: int = 0) -> Resampled:
    """Draw resamples of n values with replacement (Efron & Tibshirani 1993, ch. 6).

    Args:
        values: [N] finite, N ≥ 1.
        replicates: how many, B.
        seed: of the drawing.

    Returns:
        means, and standard errors sd*/√n with the sample's n/(n − 1) (NaN for n = 1).
    """
    centre = values.mean()
    centred = values - centre  # the variance is a difference of squares: centre them first
    cells = _cells(centred)
    rng = np.random.default_rng(seed)
    if cells is None:
        means, squares = _itemwise(centred, replicates, rng)
    else:
        means, squares = _cellwise(cells, replicates, rng)
    n = values.size
    with np.errstate(invalid="ignore", divide="ignore"):
        stderrs = np.sqrt(np.maximum(squares - means**2, 0.0) / np.float64(n - 1))
    return Resampled(means + centre, stderrs)


def posterior_means(
    values: Floats, low: float, high: float, *, replicates: int = REPLICATES, seed: int = 0
) -> Floats:
    """Draw the mean of what N values of a known range were drawn from, from its posterior.

    Bayesian bootstrap (Rubin 1981, Annals of Statistics 9(1)): Σ wᵢxᵢ / Σ wᵢ, w ~ Exp(1). Half an
    observation at either end, w ~ Gamma(½), stands for values that were not seen: the posterior of
    a Dirichlet process (Ferguson 1973, Annals of Statistics 1(2)) whose prior is ½δ(low) +
    ½δ(high). Of values at the ends alone it is Beta(k + ½, n − k + ½), that of Jeffreys.

    Args:
        values: [N] finite, in [low, high].
        low: the least that a value can be.
        high: the most.
        replicates: how many, B.
        seed: of the drawing.

    Returns:
        [B] in [low, high].
    """
    rng = np.random.default_rng(seed)
    at_low, at_high = rng.standard_gamma(_AT_AN_END, size=(2, replicates))
    sums, totals = at_low * low + at_high * high, at_low + at_high
    cells = _cells(values)
    counts = np.ones(values.size) if cells is None else cells.counts.astype(np.float64)
    means = values if cells is None else cells.means
    for part in _blocks(replicates, counts.size):
        shape = (part.stop - part.start, counts.size)
        drawn = (
            rng.standard_exponential(shape) if cells is None else rng.standard_gamma(counts, shape)
        )
        sums[part] += drawn @ means
        totals[part] += drawn.sum(1)
    if cells is not None and cells.spread.any():
        residual = float(np.sqrt((cells.counts * cells.spread).sum()))
        sums += residual * rng.standard_normal(replicates)
    return np.asarray(np.clip(sums / totals, low, high))


def _cells(values: Floats) -> Cells | None:
    """Return the values in cells; None where there are so few that they are drawn one by one."""
    ordered = np.sort(values)
    n = ordered.size
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf))
    if starts.size > _DISTINCT:
        if n <= _ITEMWISE:
            return None
        middle = np.linspace(_TAIL, n - _TAIL, _MIDDLE + 1).astype(np.int64)
        starts = np.unique(np.concatenate([np.arange(_TAIL), middle, np.arange(n - _TAIL, n)]))
    counts = np.diff(starts, append=n)
    means = np.add.reduceat(ordered, starts) / counts
    spread = np.add.reduceat((ordered - np.repeat(means, counts)) ** 2, starts) / counts
    return Cells(counts, means, means**2 + spread, spread)


def _cellwise(cells: Cells, replicates: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    n = int(cells.counts.sum())
    shares = cells.counts / n
    means, squares, within = (np.empty(replicates) for _ in range(3))
    for part in _blocks(replicates, cells.counts.size):
        drawn = rng.multinomial(n, shares, size=part.stop - part.start)
        means[part] = drawn @ cells.means / n
        squares[part] = drawn @ cells.mean_squares / n
        within[part] = drawn @ cells.spread
    if cells.spread.any():
        means += np.sqrt(within) / n * rng.standard_normal(replicates)
    return means, squares


def _itemwise(values: Floats, replicates: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    means, squares = np.empty(replicates), np.empty(replicates)
    for part in _blocks(replicates, values.size):
        shape = (part.stop - part.start, values.size)
        drawn = values[rng.integers(values.size, size=shape)]
        means[part] = drawn.mean(1)
        squares[part] = np.einsum("ij,ij->i", drawn, drawn) / values.size
    return means, squares


def _blocks(replicates: int, width: int) -> list[slice]:
    size = max(1, _BLOCK // max(width, 1))
    return [slice(at, min(at + size, replicates)) for at in range(0, replicates, size)]
