"""Means of resamples and of sign flips, 10,000 at a time, in bounded time and memory.

Values are put into cells. Where there are few distinct values, each is a cell, and how often a
resample holds it is one multinomial draw: exact, and its cost does not depend on n. Up to 4,096
values otherwise, each resample is drawn item by item: exact. Beyond, the 16 smallest and the 16
largest values are cells of their own, and the rest fall into 128 cells of equal count: the counts
of cells are drawn exactly, and only the sum of deviations from the cells' means, a share of about
1e-4 of the variance over thousands of terms, is drawn as a normal variate. Sign flips are cheaper
item by item, and are drawn so up to 16,384 values.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

REPLICATES: Final = 10_000
_ITEMWISE: Final = 4_096  # values, up to which resamples are drawn item by item
_ITEMWISE_FLIPS: Final = 16_384
_DISTINCT: Final = 160  # distinct values, up to which each is a cell
_TAIL: Final = 16
_MIDDLE: Final = 128
_BLOCK: Final = 2_000_000  # items of a block of resamples: 16 MB
_ENUMERATED: Final = 13  # values, up to which all sign flips are tried


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
    cells = _cells(centred, _ITEMWISE)
    rng = np.random.default_rng(seed)
    if cells is None:
        means, squares = _itemwise(centred, replicates, rng)
    else:
        means, squares = _cellwise(cells, replicates, rng)
    n = values.size
    with np.errstate(invalid="ignore", divide="ignore"):
        stderrs = np.sqrt(np.maximum(squares - means**2, 0.0) / np.float64(n - 1))
    return Resampled(means + centre, stderrs)


def flip_signs(
    values: Floats, *, replicates: int = REPLICATES, seed: int = 0
) -> tuple[Floats, bool]:
    """Return sums of the values under random signs, [B], and whether these are all there are.

    Args:
        values: [N] finite; zeros may be left out, they add nothing.
        replicates: how many, unless all 2^N are fewer.
        seed: of the drawing.
    """
    sizes = np.abs(values[values != 0.0])
    n = sizes.size
    if n <= _ENUMERATED:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return np.asarray((1 - 2 * bits) @ sizes, dtype=np.float64), True
    rng = np.random.default_rng(seed)
    cells = _cells(sizes, _ITEMWISE_FLIPS)
    if cells is None:
        return _itemwise_flips(sizes, replicates, rng), False
    sums = np.empty(replicates)
    for part in _blocks(replicates, cells.counts.size):
        flipped = rng.binomial(cells.counts, 0.5, size=(part.stop - part.start, cells.counts.size))
        sums[part] = (cells.counts - 2 * flipped) @ cells.means
    residual = float(np.sqrt((cells.counts * cells.spread).sum()))
    return sums + residual * rng.standard_normal(replicates) if residual else sums, False


def _cells(values: Floats, itemwise: int) -> Cells | None:
    """Return the values in cells; None where ``itemwise`` or fewer are better drawn one by one."""
    ordered = np.sort(values)
    n = ordered.size
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf))
    if starts.size > _DISTINCT:
        if n <= itemwise:
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


def _itemwise_flips(sizes: Floats, replicates: int, rng: np.random.Generator) -> Floats:
    sums = np.empty(replicates)
    for part in _blocks(replicates, sizes.size):
        shape = (part.stop - part.start, (sizes.size + 7) // 8)
        bits = np.unpackbits(
            rng.integers(256, size=shape, dtype=np.uint8), axis=1, count=sizes.size
        )
        sums[part] = sizes.sum() - 2.0 * (bits @ sizes)
    return sums


def _blocks(replicates: int, width: int) -> list[slice]:
    size = max(1, _BLOCK // max(width, 1))
    return [slice(at, min(at + size, replicates)) for at in range(0, replicates, size)]
