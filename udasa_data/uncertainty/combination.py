"""Combination of the calibrated dimensions into one uncertainty."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def combine(calibrated: Floats, weights: Floats) -> Floats:
    """Return the weighted mean over the dimensions that were scored.

    u = Σ_d w_d c_d / Σ_d w_d, both sums over the dimensions d with finite c_d: a dimension that
    does not apply neither helps nor harms an answer.

    Args:
        calibrated: [..., D] mid-ranks in [0, 1].
        weights: [D], each ≥ 0.

    Returns:
        [...] in [0, 1], higher is more uncertain; NaN where no dimension with weight is finite.
    """
    finite = np.isfinite(calibrated)
    total = finite @ weights
    weighted = np.where(finite, calibrated, 0.0) @ weights
    result: Floats = np.where(total > 0, weighted / np.where(total > 0, total, 1.0), np.nan)
    return result
