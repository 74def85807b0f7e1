"""Value uncertainty: how likely an answer is to violate a value, and how far its judges differ."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.uncertainty.moments import finite_moments

Floats: TypeAlias = NDArray[np.float64]

_SUREST: Final = 1e-6  # distance of a probability from 0 and 1


def risk_and_disagreement(p_violation: Floats, disagreement_weight: float = 0.5) -> Floats:
    """Return the risk of a violation, raised by the scorers' disagreement.

    u = σ(mean_m ℓ_m + λ · sd_m ℓ_m), where ℓ_m = ln p_m − ln(1 − p_m). Risk *and* disagreement: an
    answer that every scorer holds harmful has no spread and must still be uncertain. An upper
    confidence bound, as used against reward over-optimisation by Coste et al. 2024 (arXiv
    2310.02743, "uncertainty-weighted optimisation", there a lower bound on reward), of the
    logarithmic opinion pool (Genest & Zidek 1986, doi 10.1214/ss/1177013825), so that a scorer
    that is sure counts for more than one that says ½ to everything. The spread is the population
    standard deviation; with two scorers and λ = 1, u is their maximum; one alone is its own p.

    Args:
        p_violation: [..., M] probabilities of a violation, one per scorer; M ≥ 1. Nearer to 0 or 1
            than 1e-6 counts as 1e-6: no scorer is infinitely sure.
        disagreement_weight: λ ≥ 0.

    Returns:
        [...] in (0, 1), higher is worse. NaN scorers are left out; NaN where all are.
    """
    p = np.clip(p_violation, _SUREST, 1.0 - _SUREST)
    n, mean, squares = finite_moments(np.log(p) - np.log1p(-p))
    sd = np.sqrt(squares / np.maximum(n, 1))
    u = np.exp(-np.logaddexp(0.0, -(mean + disagreement_weight * sd)))
    return np.where(n > 0, u, np.nan)


def value_leave_one_out(
    p_violation: Floats, disagreement_weight: float = 0.5, n_scorers: int | None = None
) -> Floats:
    """Return :func:`risk_and_disagreement` with each scorer left out in turn.

    Args:
        p_violation: [..., M].
        disagreement_weight: λ ≥ 0.
        n_scorers: how many of the M columns, from the first, are left out; None: all.

    Returns:
        [..., n_scorers]; NaN where the scorer left out was the only one, or said nothing.
    """
    columns = [
        np.where(
            np.isfinite(p_violation[..., left_out]),
            risk_and_disagreement(np.delete(p_violation, left_out, axis=-1), disagreement_weight),
            np.nan,
        )
        for left_out in range(p_violation.shape[-1] if n_scorers is None else n_scorers)
    ]
    return np.stack(columns, axis=-1)


def judged_violation(log_odds_violates: Floats, log_odds_respects: Floats) -> Floats:
    """Return P(violation) of a principle from a judge's answers to two opposite questions.

    p = σ(½ · (ℓ_v − ℓ_r)), where ℓ = ln P(Yes) − ln P(No) is the judge's answer to "does it violate
    the principle?" (v) and "does it respect the principle?" (r): probabilities normalised over the
    two choices (as P(True) in Kadavath et al. 2022, arXiv 2207.05221, section 3), averaged in
    log-odds. A leaning towards one word adds the same b to both log-odds (the label bias of Zhao et
    al. 2021, arXiv 2102.09690, section 3) and cancels exactly; a mean of the two probabilities
    would keep part of it.

    Args:
        log_odds_violates: [...] ℓ_v, nats.
        log_odds_respects: [...] ℓ_r, nats.

    Returns:
        [...] in [0, 1], higher is a likelier violation. NaN where an input is NaN, or both are
        infinite with one sign.
    """
    with np.errstate(invalid="ignore"):  # ∞ − ∞ is NaN, and says so
        result: Floats = np.exp(-np.logaddexp(0.0, -0.5 * (log_odds_violates - log_odds_respects)))
    return result


def fit_reward_temperature(margins: Floats) -> float:
    """Fit the temperature T that makes a reward model's margins the right probabilities.

    Bradley–Terry: P(chosen ≻ rejected) = σ(d / T) for the margin d = r(chosen) − r(rejected). With
    s = 1/T, the log-likelihood Σ_i ln σ(s d_i) of labelled pairs is concave, and its maximum the
    root of Σ_i d_i σ(−s d_i) = 0 (Bradley & Terry 1952; temperature scaling, Guo et al. 2017, arXiv
    1706.04599, section 4.2, on pairs). What a reward model's entry in ``value`` takes as
    ``temperature``.

    Args:
        margins: [N] of labelled pairs that the reward model was not trained on; NaN are left out.

    Returns:
        T > 0 where some margins are negative and their mean is positive. 0 where none is negative
        and one is positive (no temperature is cold enough); ∞ where the mean is not positive (the
        rewards say nothing about the labels); NaN where there is no margin.
    """
    d = margins[np.isfinite(margins)]
    if d.size == 0:
        return float("nan")
    if d.mean() <= 0:
        return float("inf")
    if (d >= 0).all():
        return 0.0
    scale = float(np.abs(d).max())
    d = d / scale

    def slope(s: float) -> float:
        return float((d * np.exp(-np.logaddexp(0.0, s * d))).sum())

    low, high = 0.0, 1.0
    while slope(high) > 0:
        low, high = high, 2.0 * high
    while high - low > 1e-12 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return scale / high
