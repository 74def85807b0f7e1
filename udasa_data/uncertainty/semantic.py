"""Semantic uncertainty: how little an answer means what the other answers mean."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

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


def jackknife_se(replicates: Floats) -> Floats:
    """Return the jackknife standard error over the last axis, NaN entries left out.

    se² = (n−1)/n · Σ_k (θ_(−k) − mean θ_(−·))²  (Efron & Tibshirani 1993, eq. 11.5)

    Args:
        replicates: [..., n] leave-one-out values.

    Returns:
        [...] ≥ 0; NaN where fewer than two replicates are finite.
    """
    finite = np.isfinite(replicates)
    n = finite.sum(axis=-1)
    safe_n = np.maximum(n, 1)
    filled = np.where(finite, replicates, 0.0)
    mean = filled.sum(axis=-1) / safe_n
    squares = np.where(finite, (filled - mean[..., None]) ** 2, 0.0).sum(axis=-1)
    result: Floats = np.where(n >= 2, np.sqrt((n - 1) / safe_n * squares), np.nan)
    return result


def meaning_clusters(entail: Floats, threshold: float = 0.5) -> Ints:
    """Group answers that entail each other, whatever their order.

    Two answers are linked when each entails the other with at least ``threshold`` (bidirectional
    entailment, Kuhn et al. 2023, arXiv 2302.09664); clusters are the connected components,
    so that, unlike with greedy assignment, the order of the answers does not matter.

    Args:
        entail: [..., K, K] as for :func:`degree`.
        threshold: in (0, 1].

    Returns:
        [..., K] int; each answer's cluster is named by the smallest index in it.
    """
    k = entail.shape[-1]
    forth = np.nan_to_num(entail, nan=0.0) >= threshold
    linked = (forth & np.swapaxes(forth, -1, -2)) | np.eye(k, dtype=bool)
    for _ in range(max(1, int(np.ceil(np.log2(k))))):  # paths double in length with each squaring
        linked = np.matmul(linked, linked)
    clusters: Ints = linked.argmax(axis=-1)
    return clusters


def semantic_entropy(clusters: Ints) -> Floats:
    """Return the entropy of the answers' distribution over meanings.

    H = −Σ_c p_c ln p_c with p_c = |c| / K (discrete semantic entropy, Farquhar et al. 2024,
    Nature 630, Methods).

    Args:
        clusters: [..., K] labels from :func:`meaning_clusters`.

    Returns:
        [...] in [0, ln K], nats.
    """
    k = clusters.shape[-1]
    same = clusters[..., :, None] == clusters[..., None, :]
    # each answer adds −(1/K) ln p_c, which sums to −p_c ln p_c over its cluster
    entropy: Floats = -np.log(same.mean(axis=-1)).sum(axis=-1) / k
    return np.maximum(entropy, 0.0)


def _mutual(entail: Floats) -> Floats:
    """Return ½ [p_e(i→j) + p_e(j→i)] with a zero diagonal."""
    mutual: Floats = 0.5 * (entail + np.swapaxes(entail, -1, -2))
    k = entail.shape[-1]
    mutual[..., np.arange(k), np.arange(k)] = 0.0
    return mutual
