"""Meaning clusters of the answers to a prompt, and the entropies over them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def meaning_clusters(entail: Floats, contradict: Floats) -> Ints:
    """Group answers that entail each other, whatever their order.

    Two answers are linked when entailment is the likeliest of the three classes in both
    directions (bidirectional entailment, Kuhn et al. 2023, arXiv 2302.09664, Algorithm 1);
    clusters are the connected components, so that, unlike with greedy assignment, the order of
    the answers does not matter.

    Args:
        entail: [..., K, K], ``entail[i, j]`` = probability that answer i entails answer j. The
            diagonal is not read; a NaN entry links nothing.
        contradict: [..., K, K] likewise, of contradiction; the rest is neutral.

    Returns:
        [..., K] int; each answer's cluster is named by the smallest index in it.
    """
    k = entail.shape[-1]
    with np.errstate(invalid="ignore"):  # NaN compares as not likelier
        likeliest = (entail > contradict) & (entail > 1.0 - entail - contradict)
    linked = (likeliest & np.swapaxes(likeliest, -1, -2)) | np.eye(k, dtype=bool)
    for _ in range(max(1, int(np.ceil(np.log2(k))))):  # paths double in length with each squaring
        linked = np.matmul(linked, linked)
    clusters: Ints = linked.argmax(axis=-1)
    return clusters


def cluster_surprise(clusters: Ints) -> Floats:
    """Return how rare each answer's meaning is among the answers.

    u(i) = −ln p(C_i) / ln K with p(C) = |C| / K: the answer's share of the discrete semantic
    entropy, scaled by its largest value.

    Args:
        clusters: [..., K] labels from :func:`meaning_clusters`; K ≥ 2.

    Returns:
        [..., K] in [0, 1] by construction; 0 when all mean the same, 1 for a meaning of its own.
    """
    surprise: Floats = -np.log(_same(clusters).mean(axis=-1)) / np.log(clusters.shape[-1])
    return np.clip(surprise, 0.0, 1.0)


def semantic_entropy(clusters: Ints) -> Floats:
    """Return the entropy of the answers' distribution over meanings.

    H = −Σ_c p_c ln p_c with p_c = |c| / K (discrete semantic entropy, Farquhar et al. 2024,
    Nature 630, Methods).

    Args:
        clusters: [..., K] labels from :func:`meaning_clusters`.

    Returns:
        [...] in [0, ln K], nats.
    """
    # each answer adds −(1/K) ln p_c, which sums to −p_c ln p_c over its cluster
    entropy: Floats = -np.log(_same(clusters).mean(axis=-1)).mean(axis=-1)
    return np.maximum(entropy, 0.0)


def semantic_entropy_rao_blackwell(clusters: Ints, logprobs: Floats) -> Floats:
    """Return the entropy over meanings, each weighted by the probability of its answers.

    p(C) = Σ_{i∈C} p(y_i) / Σ_i p(y_i), H = −Σ_C p(C) ln p(C): the Rao-Blackwellised estimator of
    Farquhar et al. 2024 (Nature 630, Methods), which sums over meanings, not over answers, and
    in log space throughout.

    Args:
        clusters: [..., K] labels from :func:`meaning_clusters`.
        logprobs: [..., K] log-probability of each answer in nats, its sum over tokens as in the
            paper, or its mean for answers of very different lengths.

    Returns:
        [...] in [0, ln K], nats; NaN where a log-probability is NaN or all are −inf.
    """
    with np.errstate(invalid="ignore"):  # no answer of any probability: NaN
        logp = logprobs - _logsumexp(logprobs)[..., None]
    within = np.where(_same(clusters), logp[..., None, :], -np.inf)
    of_cluster = _logsumexp(within)  # [..., K] ln p(C_i)
    # each answer adds p(y_i) · (−ln p(C_i)), which sums to −p(C) ln p(C) over its cluster
    weighted = -np.exp(logp) * np.where(np.isneginf(of_cluster), 0.0, of_cluster)
    entropy: Floats = weighted.sum(axis=-1)
    return np.maximum(entropy, 0.0)


def number_of_clusters(clusters: Ints) -> Ints:
    """Return how many meanings [..., K] labels of :func:`meaning_clusters` name, [...]."""
    named: Ints = (clusters == np.arange(clusters.shape[-1])).sum(axis=-1)
    return named


def _same(clusters: Ints) -> NDArray[np.bool_]:
    """Return [..., K, K]: whether two answers share a meaning."""
    same: NDArray[np.bool_] = clusters[..., :, None] == clusters[..., None, :]
    return same


def _logsumexp(x: Floats) -> Floats:
    """Return ln Σ exp over the last axis; −inf where all entries are −inf."""
    top = np.max(x, axis=-1, keepdims=True)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total: Floats = np.log(np.exp(x - safe).sum(axis=-1)) + safe[..., 0]
    return total
