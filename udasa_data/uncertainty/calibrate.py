"""Calibration: raw uncertainties of a dimension → their mid-ranks in the whole run.

The raw scales differ (an entailment degree, a shrunk mean, a probability); on the mid-rank scale
0.9 means in each dimension "more uncertain than 90% of the answers of this run". Fitted once on
the pooled answers, then frozen: never per prompt, and never min-max.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

POOLED: Final = "*"
MAX_KNOTS: Final = 4096


@dataclass(frozen=True)
class Curve:
    """A monotone map from raw values to mid-ranks, linear between its knots.

    Attributes:
        values: [N] strictly increasing raw values.
        ranks: [N] their mid-ranks in [0, 1].
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
        return np.asarray(np.interp(raw, self.values, self.ranks), dtype=np.float64)


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
    ranks = (np.cumsum(counts) - 0.5 * counts) / max(n, 1)
    if values.size > MAX_KNOTS:
        targets = np.linspace(ranks[0], ranks[-1], MAX_KNOTS)
        keep = np.unique(np.searchsorted(ranks, targets).clip(0, values.size - 1))
        values, ranks = values[keep], ranks[keep]
    return Curve(values.astype(np.float64), ranks.astype(np.float64), n)


def fit_by_axis(raw: Floats, axes: NDArray[np.str_], min_rows: int) -> dict[str, Curve]:
    """Fit the pooled curve, and one for each axis that has enough finite values.

    Args:
        raw: [N] values of one dimension.
        axes: [N] the axis of each.
        min_rows: finite values from which an axis has its own curve.

    Returns:
        curves by axis; the pooled one under ``"*"``.
    """
    curves = {POOLED: fit(raw)}
    for axis in np.unique(axes):
        of_axis = raw[axes == axis]
        if np.isfinite(of_axis).sum() >= min_rows:
            curves[str(axis)] = fit(of_axis)
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
