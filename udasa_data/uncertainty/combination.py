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
        weights: [D] or [..., D], each ≥ 0.

    Returns:
        [...] in [0, 1], higher is more uncertain; NaN where no dimension with weight is finite.
    """
    finite = np.isfinite(calibrated)
    total = (finite * weights).sum(axis=-1)
    weighted = (np.where(finite, calibrated, 0.0) * weights).sum(axis=-1)
    result: Floats = np.where(total > 0, weighted / np.where(total > 0, total, 1.0), np.nan)
    return result


def shared(calibrated: Floats, prompts: NDArray[np.int64]) -> Floats:
    """Return the dimensions filled in where a prompt's other answers have them.

    So that answers to one prompt are compared over the same dimensions: one that an answer lacks
    (it makes no checkable claim, say) is the mean over the prompt's answers that have it, which
    speaks neither for nor against it.

    Args:
        calibrated: [N, D] mid-ranks.
        prompts: [N] the number of each answer's prompt, from 0.

    Returns:
        [N, D]; NaN where no answer to the prompt has the dimension, and for an answer that has
        none at all.
    """
    finite = np.isfinite(calibrated)
    filled = calibrated.copy()
    for d in range(calibrated.shape[1]):
        has = finite[:, d]
        n = np.bincount(prompts, weights=has)
        total = np.bincount(prompts, weights=np.where(has, calibrated[:, d], 0.0))
        mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)[prompts]
        lacks = ~has & finite.any(axis=1)
        filled[lacks, d] = mean[lacks]
    return filled
