"""Value uncertainty: how likely an answer is to violate a value, and how far its judges differ."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def risk_and_disagreement(p_violation: Floats, disagreement_weight: float = 1.0) -> Floats:
    """Return the risk of a violation, raised by the scorers' disagreement.

    u = clip(mean_m p_m + λ · sd_m p_m, 0, 1). Risk *and* disagreement: an answer that every
    scorer holds harmful has no spread and must still be uncertain. An upper confidence bound, as
    used against reward over-optimisation by Coste et al. 2024 (arXiv 2310.02743, "uncertainty-
    weighted optimisation", there a lower bound on reward). The spread is the population
    standard deviation; with two scorers and λ = 1, u is their maximum.

    Args:
        p_violation: [..., M] probabilities of a violation, one per scorer; M ≥ 1.
        disagreement_weight: λ ≥ 0.

    Returns:
        [...] in [0, 1], higher is worse. NaN scorers are left out; NaN where all are.
    """
    mean, sd = _moments(p_violation)
    return np.clip(mean + disagreement_weight * sd, 0.0, 1.0)


def value_leave_one_out(p_violation: Floats, disagreement_weight: float = 1.0) -> Floats:
    """Return :func:`risk_and_disagreement` with each scorer left out in turn.

    Args:
        p_violation: [..., M].
        disagreement_weight: λ ≥ 0.

    Returns:
        [..., M]; NaN where the scorer left out was the only one.
    """
    m = p_violation.shape[-1]
    columns = [
        risk_and_disagreement(np.delete(p_violation, left_out, axis=-1), disagreement_weight)
        for left_out in range(m)
    ]
    return np.stack(columns, axis=-1)


def _moments(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and population standard deviation over the finite entries of the last axis."""
    finite = np.isfinite(values)
    n = finite.sum(axis=-1)
    safe_n = np.maximum(n, 1)
    filled = np.where(finite, values, 0.0)
    mean = filled.sum(axis=-1) / safe_n
    squares = np.where(finite, (filled - mean[..., None]) ** 2, 0.0).sum(axis=-1)
    return np.where(n > 0, mean, np.nan), np.sqrt(squares / safe_n)
