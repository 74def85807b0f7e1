"""Moments over the last axis, NaN entries left out."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


class Moments(NamedTuple):
    """Of the finite entries of the last axis, [...] each.

    Attributes:
        n: how many there are.
        mean: Σ x / n; 0 where there are none.
        squares: Σ (x − mean)²; 0 where there are none.
    """

    n: NDArray[np.int64]
    mean: Floats
    squares: Floats


def finite_moments(values: Floats) -> Moments:
    """Return number, mean and squared deviations of the finite entries of the last axis.

    Args:
        values: [..., n].
    """
    finite = np.isfinite(values)
    n = finite.sum(axis=-1)
    filled = np.where(finite, values, 0.0)
    mean = filled.sum(axis=-1) / np.maximum(n, 1)
    squares = np.where(finite, (filled - mean[..., None]) ** 2, 0.0).sum(axis=-1)
    return Moments(n, mean, squares)
