"""Factual uncertainty: how little the claims of an answer are borne out.

Claims are rows here; :mod:`udasa_data.scoring.claims` finds them in texts.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def support(entail: Floats) -> Floats:
    """Return how well the best piece of evidence bears out each claim.

    v_c = max over evidence chunks of p_e(chunk → claim)  (SummaC-ZS, Laban et al. 2022,
    arXiv 2111.09525)

    Args:
        entail: [C, E] probability that chunk e entails claim c; E ≥ 1.

    Returns:
        [C] in [0, 1], higher is better supported. NaN entries are left out; NaN where all are.
    """
    best: Floats = np.fmax.reduce(entail, axis=-1)
    return best


def agreement(entail: Floats, contradict: Floats) -> Floats:
    """Return how far each other answer sides with each claim.

    p_e / (p_e + p_c): the probability of entailment once the neutral class is left out (LUQ,
    Zhang et al. 2024, arXiv 2403.20279; SelfCheckNLI, Manakul et al. 2023, arXiv 2303.08896, is
    its complement).

    Args:
        entail: [C, K] probability that answer k entails claim c.
        contradict: [C, K] probability that answer k contradicts claim c.

    Returns:
        [C, K] in [0, 1]; NaN where an input is NaN; ½ where both are 0.
    """
    total = entail + contradict
    result: Floats = np.where(total > 0, entail / np.where(total > 0, total, 1.0), 0.5)
    return np.where(np.isnan(total), np.nan, result)


def consistency(agreements: Floats) -> Floats:
    """Return each claim's mean agreement with the other answers.

    Args:
        agreements: [C, K] from :func:`agreement`; NaN at the claim's own answer.

    Returns:
        [C] in [0, 1], higher is better supported; NaN where every entry is NaN.
    """
    finite = np.isfinite(agreements)
    n = finite.sum(axis=-1)
    total = np.where(finite, agreements, 0.0).sum(axis=-1)
    result: Floats = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return result


def consistency_leave_one_out(agreements: Floats) -> Floats:
    """Return :func:`consistency` with each of the other answers left out in turn.

    Args:
        agreements: [C, K] as for :func:`consistency`, at least two finite entries a row.

    Returns:
        [C, K]; entry [c, k] is the mean without answer k; NaN where entry [c, k] is NaN.
    """
    finite = np.isfinite(agreements)
    n = finite.sum(axis=-1, keepdims=True)
    filled = np.where(finite, agreements, 0.0)
    total = filled.sum(axis=-1, keepdims=True)
    result: Floats = np.where(finite & (n > 1), (total - filled) / np.maximum(n - 1, 1), np.nan)
    return result


def shrunk_uncertainty(support_of_claims: Floats, prior: float = 0.5) -> Floats:
    """Return the uncertainty of an answer from the support of its claims.

    u = 1 − (Σ_c v_c + a) / (n + 2a): the mean support, drawn towards ½ by 2a pseudo-claims, so
    that few claims can neither prove nor damn an answer (a Beta(a, a) prior; a = ½ is Jeffreys').

    Args:
        support_of_claims: [C] or [C, R] (R replicates), each in [0, 1].
        prior: a > 0.

    Returns:
        scalar or [R] in [0, 1], higher is more uncertain; NaN when there is no claim (C = 0).
    """
    n = support_of_claims.shape[0]
    if n == 0:
        return np.full(support_of_claims.shape[1:], np.nan)
    result: Floats = 1.0 - (support_of_claims.sum(axis=0) + prior) / (n + 2.0 * prior)
    return result


def p_true(logprob_true: Floats, logprob_false: Floats) -> Floats:
    """Return how unsure the policy itself is that an answer is true.

    u = 1 − P(True) / (P(True) + P(False)) (Kadavath et al. 2022, arXiv 2207.05221, section 3,
    normalised over the two choices).

    Args:
        logprob_true: [...] log-probability of the choice "True", nats.
        logprob_false: [...] of "False".

    Returns:
        [...] in [0, 1], higher is more uncertain. NaN where an input is NaN, or both are −inf.
    """
    with np.errstate(invalid="ignore"):  # −inf − −inf is NaN, and says so
        result: Floats = np.exp(-np.logaddexp(0.0, logprob_true - logprob_false))
    return result
