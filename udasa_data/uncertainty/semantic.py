"""Semantic uncertainty: how little an answer means what the other answers mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def degree(entail: Floats) -> Floats:
    """Return one minus each answer's mean mutual entailment with the others.

    u(i) = 1 − 1/(K−1) · Σ_{j≠i} ½ [p_e(i→j) + p_e(j→i)]

    The degree-matrix uncertainty of Lin et al. 2023 (arXiv 2305.19187, "U_Deg", per answer),
    rescaled from [0, (K−1)/K] to the full [0, 1] by leaving the diagonal out.

    Args:
        entail: [..., K, K], ``entail[i, j]`` = probability that answer i entails answer j;
            K ≥ 2. The diagonal is not read.

    Returns:
        [..., K] in [0, 1], higher is more uncertain. NaN where an entry is NaN.
    """
    k = entail.shape[-1]
    mean: Floats = _mutual(entail).sum(axis=-1) / (k - 1)
    return np.clip(1.0 - mean, 0.0, 1.0)


def degree_leave_one_out(entail: Floats) -> Floats:
    """Return :func:`degree` with each of the other answers left out in turn.

    Args:
        entail: as for :func:`degree`, K ≥ 3.

    Returns:
        [..., K, K]; entry [i, k] is u(i) without answer k. The diagonal is NaN.
    """
    agreement = _mutual(entail)
    k = entail.shape[-1]
    total = agreement.sum(axis=-1, keepdims=True)
    replicates: Floats = np.clip(1.0 - (total - agreement) / (k - 2), 0.0, 1.0)
    replicates[..., np.arange(k), np.arange(k)] = np.nan
    return replicates


def luq(entail: Floats, contradict: Floats, sentence_counts: Ints) -> Floats:
    """Return how little the other answers side with each answer's sentences.

    u(i) = 1 − mean over its sentences s, mean over j ≠ i, of p_e(j→s) / (p_e(j→s) + p_c(j→s))
    (LUQ, Zhang et al. 2024, arXiv 2403.20279, eq. 1 and 2).

    Args:
        entail: [S, K], probability that answer j entails sentence s; the sentences of answer 0
            come first, then those of answer 1, and so on. An answer's own entries are not read.
        contradict: [S, K] likewise, of contradiction.
        sentence_counts: [K] sentences of each answer, summing to S.

    Returns:
        [K] in [0, 1] by construction; NaN for an answer without sentences; ½ where both
        probabilities of every pair are 0.
    """
    k = len(sentence_counts)
    answer = np.repeat(np.arange(k), sentence_counts)
    total = entail + contradict
    side = np.where(total > 0, entail / np.where(total > 0, total, 1.0), 0.5)
    side[np.arange(len(answer)), answer] = 0.0
    of_sentence = side.sum(axis=-1) / (k - 1)
    summed = np.bincount(answer, weights=of_sentence, minlength=k)
    safe = np.maximum(sentence_counts, 1)
    result: Floats = np.where(sentence_counts > 0, 1.0 - summed / safe, np.nan)
    return np.clip(result, 0.0, 1.0)


def cosine(embeddings: Floats) -> Floats:
    """Return one minus each answer's mean cosine similarity with the others; no NLI is needed.

    u(i) = 1 − 1/(K−1) · Σ_{j≠i} max(0, cos(e_i, e_j)): :func:`degree` over sentence embeddings
    (the embedding affinity of Lin et al. 2023, arXiv 2305.19187, appendix).

    Args:
        embeddings: [..., K, D], K ≥ 2, none of them all zero.

    Returns:
        [..., K] in [0, 1]: opposite directions count as unrelated, not as more than that.
    """
    unit = embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return degree(np.maximum(unit @ np.swapaxes(unit, -1, -2), 0.0))


def cocoa(entail: Floats, mean_logprobs: Floats) -> Floats:
    """Return the product of an answer's own improbability and its disagreement with the others.

    u(i) = 1 − exp(ℓ_i · degree(i)) with ℓ_i the mean log-probability of a token: CoCoA's product
    −ℓ_i · (mean dissimilarity) (Vashurin et al. 2025, arXiv 2502.04964, "CoCoA_PPL"), scaled to
    [0, 1) by 1 − exp(−x), which keeps the order.

    Args:
        entail: [..., K, K] as for :func:`degree`.
        mean_logprobs: [..., K] nats, each ≤ 0.

    Returns:
        [..., K] in [0, 1), higher is more uncertain. NaN where an input is NaN.
    """
    result: Floats = -np.expm1(mean_logprobs * degree(entail))
    return result


def cocoa_leave_one_out(entail: Floats, mean_logprobs: Floats) -> Floats:
    """Return :func:`cocoa` with each of the other answers left out in turn.

    Args:
        entail: as for :func:`degree`, K ≥ 3.
        mean_logprobs: as for :func:`cocoa`.

    Returns:
        [..., K, K]; entry [i, k] is u(i) without answer k. The diagonal is NaN.
    """
    degrees = degree_leave_one_out(entail)
    result: Floats = -np.expm1(mean_logprobs[..., :, None] * degrees)
    return result


def lexical(words: Sequence[Sequence[str]]) -> Floats:
    """Return one minus each answer's mean ROUGE-L F1 with the others; no model is needed.

    ROUGE-L (Lin 2004, eq. 2 to 4, β = 1); the baseline of Lin et al. 2023.

    Args:
        words: of K ≥ 2 answers each, in lower case.

    Returns:
        [K] in [0, 1] by construction; two answers without words are alike.
    """
    similar = np.eye(len(words))
    for i, first in enumerate(words):
        for j, second in enumerate(words[:i]):
            n = len(first) + len(second)
            overlap = 2.0 * LCSseq.similarity(first, second) / n if n else 1.0
            similar[i, j] = similar[j, i] = overlap
    return degree(similar)


def _mutual(entail: Floats) -> Floats:
    """Return ½ [p_e(i→j) + p_e(j→i)] with a zero diagonal."""
    mutual: Floats = 0.5 * (entail + np.swapaxes(entail, -1, -2))
    k = entail.shape[-1]
    mutual[..., np.arange(k), np.arange(k)] = 0.0
    return mutual
