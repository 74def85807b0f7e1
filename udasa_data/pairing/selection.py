"""One of several answers: the least by some keys, ties decided by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

# Up to this K the worst answer is rejected; beyond it the worst is an outlier that teaches little,
# and the answer nearest to mean + 2 sd is taken (Xiao et al. 2025, arXiv 2502.16825).
MAX_K_FOR_WORST: Final = 16
_DECIMALS: Final = 12  # rounding noise of the arithmetic must not decide ties


def cost_of(uncertainty: Floats, rule: str) -> Floats:
    """Return [P, K]: the answer of least cost is rejected.

    Args:
        uncertainty: [P, K]; NaN: not scored.
        rule: ``pairing.rejected``, other than random.
    """
    if rule == "auto":
        rule = "max" if uncertainty.shape[1] <= MAX_K_FOR_WORST else "mu_2_sigma"
    if rule == "max":
        return -uncertainty
    values = np.ma.masked_invalid(uncertainty)  # type: ignore[no-untyped-call]
    if rule == "median":
        target = np.ma.median(values, axis=1)  # type: ignore[no-untyped-call]
    else:
        target = values.mean(axis=1) + 2.0 * values.std(axis=1)
    return rounded(np.abs(uncertainty - np.ma.filled(target, 0.0)[:, None]))


def rounded(values: Floats) -> Floats:
    """Return the values without the noise of their arithmetic."""
    return np.asarray(np.round(values, _DECIMALS), dtype=np.float64)


def first_of(candidates: Bools, keys: Sequence[Floats], texts: pl.Series) -> Ints:
    """Return [P] the candidate that is least by the keys in turn, then by content hash.

    0 where there is no candidate (such prompts are dropped by the reasons).
    """
    left = candidates.copy()
    for key in keys:
        least = np.where(left, key, np.inf).min(axis=1, keepdims=True)
        left &= key == least
    for row in np.flatnonzero(left.sum(axis=1) > 1):
        tied = np.flatnonzero(left[row])
        of_prompt = texts.slice(row * left.shape[1], left.shape[1])
        hashes = [hashlib.sha256(of_prompt[int(n)].encode()).digest() for n in tied]
        left[row] = False
        left[row, tied[hashes.index(min(hashes))]] = True
    first: Ints = left.argmax(axis=1)
    return first
