"""Calibration: raw uncertainties of a dimension → their mid-ranks in the whole run.

With labels of what went wrong: → the probability that it does (:func:`fit_isotonic`).

The raw scales differ (an entailment degree, a shrunk mean, a probability); on the mid-rank scale
0.9 means in each dimension "more uncertain than 90% of the answers of this run". Fitted once on
the pooled answers, then frozen: never per prompt, and never min-max.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

POOLED: Final = "*"
MAX_KNOTS: Final = 4096


@dataclass(frozen=True)
class Curve:
    """A monotone map from raw values to mid-ranks or probabilities, linear between its knots.

    Attributes:
        values: [N] strictly increasing raw values.
        ranks: [N] their mid-ranks, or probabilities, in [0, 1].
        n: how many finite values it was fitted on.
    """

    values: Floats
    ranks: Floats
    n: int

    def __call__(self, raw: Floats) -> Floats:
        """Return the mid-ranks of ``raw`` (any shape, in [0, 1]); NaN stays NaN.

        Values seen in fitting get their exact mid-rank; others are interpolated, and those
        beyond the fitted range get the rank at its end.
        """
        if self.n == 0:
            return np.full(raw.shape, np.nan)
        ranks = np.interp(raw, self.values, self.ranks)
        # a single knot answers whatever it is asked, NaN too
        return (
            np.where(np.isnan(raw), np.nan, ranks) if self.values.size == 1 else np.asarray(ranks)
        )


def fit(raw: Floats) -> Curve:
    """Fit the mid-rank empirical distribution function.

    c(x) = (#{v < x} + ½ #{v = x}) / n (the mid-distribution function, Parzen 2004,
    Statistical Science 19(4)): ties share one value, and the mean of c over the fitted
    values is ½.

    Args:
        raw: [...] values; NaN and infinities are left out.

    Returns:
        the frozen curve; thinned to 4096 knots at even ranks when there are more values.
    """
    finite = raw[np.isfinite(raw)]
    values, counts = np.unique(finite, return_counts=True)
    n = int(finite.size)
    return _thinned(values, (np.cumsum(counts) - 0.5 * counts) / max(n, 1), n)


def _thinned(values: Floats, ranks: Floats, n: int) -> Curve:
    """Return a curve of at most 4096 knots, at even ranks."""
    if values.size > MAX_KNOTS:
        targets = np.linspace(ranks[0], ranks[-1], MAX_KNOTS)
        keep = np.unique(np.searchsorted(ranks, targets).clip(0, values.size - 1))
        values, ranks = values[keep], ranks[keep]
    return Curve(values.astype(np.float64), ranks.astype(np.float64), n)


def fit_isotonic(raw: Floats, labels: Floats) -> Curve:
    """Fit P(label = 1), increasing with a raw uncertainty, by centred isotonic regression.

    Oron & Flournoy 2017, Statistics in Biopharmaceutical Research 9, 258–267, arXiv 1701.05964:
    neighbours whose label means do not increase are pooled (ties in ``raw`` first), as in isotonic
    regression, min Σ_i (y_i − f(x_i))² over increasing f; each pooled block then stands at one
    point, (Σ_i x_i / n, Σ_i y_i / n) over its n rows, with straight lines between, so that the
    curve keeps apart what isotonic regression ties. A block whose labels are all 0 or all 1 stays
    flat over its whole width, and beyond its first and last point the curve is flat.

    Args:
        raw: [N] values; rows with NaN in either are left out.
        labels: [N] 1 where the answer was wrong (untrue, harmful…), 0 where it was right.

    Returns:
        the frozen curve, probabilities in [0, 1], higher is worse; NaN throughout without rows.

    Raises:
        ValueError: a label is neither 0, 1 nor NaN.
    """
    kept = np.isfinite(raw) & ~np.isnan(labels)
    x, y = raw[kept], labels[kept]
    if not np.isin(y, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    wrong = np.bincount(inverse, weights=y, minlength=values.size)
    blocks: list[_Block] = []
    for value, n, n_wrong in zip(values.tolist(), counts.tolist(), wrong.tolist(), strict=True):
        block = _Block(n, int(n_wrong), n * value, value, value)
        while blocks and blocks[-1].wrong * block.n >= block.wrong * blocks[-1].n:
            block = blocks.pop().pooled(block)
        blocks.append(block)
    knots = [knot for block in blocks for knot in sorted(block.knots())]
    at, p = np.array(knots, dtype=np.float64).reshape(-1, 2).T
    return Curve(at.copy(), p.copy(), int(x.size))


class _Block(NamedTuple):
    """Neighbouring rows that isotonic regression gives one value."""

    n: int
    wrong: int
    total: float  # of the raw values
    first: float
    last: float

    def pooled(self, later: _Block) -> _Block:
        total, n, wrong = self.total + later.total, self.n + later.n, self.wrong + later.wrong
        return _Block(n, wrong, total, self.first, later.last)

    def knots(self) -> set[tuple[float, float]]:
        """Return the points that stand for the block: one, or its two ends where it stays flat."""
        p = self.wrong / self.n
        if p in {0.0, 1.0}:
            return {(self.first, p), (self.last, p)}
        # a mean of equal numbers may be rounded past them
        return {(min(max(self.total / self.n, self.first), self.last), p)}


def fit_by_axis(raw: Floats, axes: NDArray[np.str_], pool_rows: int) -> dict[str, Curve]:
    """Fit the pooled curve, and one for each axis, drawn towards it.

    c_a(x) = (n_a · F_a(x) + m · F(x)) / (n_a + m), F_a of the axis's n_a values, F of all: a few
    answers hardly move it, many make it the axis's own, and no number of rows makes it jump.

    Args:
        raw: [N] values of one dimension.
        axes: [N] the axis of each.
        pool_rows: m, how many of the axis's own values the pool counts for.

    Returns:
        curves by axis; the pooled one under ``"*"``.
    """
    pool = fit(raw)
    curves = {POOLED: pool}
    for axis in np.unique(axes):
        own = fit(raw[axes == axis])
        if own.n:
            values = np.union1d(own.values, pool.values)
            share = own.n / (own.n + pool_rows)
            ranks = share * own(values) + (1.0 - share) * pool(values)
            curves[str(axis)] = _thinned(values, ranks, own.n)
    return curves


def apply_by_axis(curves: Mapping[str, Curve], raw: Floats, axes: NDArray[np.str_]) -> Floats:
    """Apply each row's curve: its axis's where there is one, the pooled one otherwise.

    Args:
        curves: from :func:`fit_by_axis`.
        raw: [N, ...] values.
        axes: [N] the axis of each row.

    Returns:
        [N, ...] mid-ranks in [0, 1]; NaN stays NaN.
    """
    result = np.empty(raw.shape)
    pooled = np.ones(len(raw), dtype=bool)
    for axis, curve in curves.items():
        if axis != POOLED:
            rows = axes == axis
            result[rows] = curve(raw[rows])
            pooled &= ~rows
    result[pooled] = curves[POOLED](raw[pooled])
    return result
