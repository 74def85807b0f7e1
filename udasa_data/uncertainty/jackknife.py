"""Standard errors from values with one item left out in turn."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.uncertainty.moments import finite_moments

Floats: TypeAlias = NDArray[np.float64]


def jackknife_se(replicates: Floats) -> Floats:
    """Return the jackknife standard error over the last axis, NaN entries left out.

    se² = (n−1)/n · Σ_k (θ_(−k) − mean θ_(−·))²  (Efron & Tibshirani 1993, eq. 11.5)

    Args:
        replicates: [..., n] leave-one-out values.

    Returns:
        [...] ≥ 0; NaN where fewer than two replicates are finite.
    """
    n, _, squares = finite_moments(replicates)
    result: Floats = np.where(n >= 2, np.sqrt((n - 1) / np.maximum(n, 1) * squares), np.nan)
    return result
