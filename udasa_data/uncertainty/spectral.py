"""Spectral uncertainty: the answers as a graph of mutual entailment."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def eccentricity(entail: Floats, threshold: float = 0.9) -> Floats:
    """Return how far each answer lies from the centre of all, in the graph's spectral embedding.

    L = I − D^-½ W D^-½ with W = ½ (E + Eᵀ) and a diagonal of ones; the eigenvectors of L with
    eigenvalues below ``threshold``, stacked as columns, give each answer its row v_i, and
    u(i) = ‖v_i − mean_j v_j‖₂ (Lin et al. 2023, arXiv 2305.19187, "C_Ecc", negated).

    Args:
        entail: [..., K, K], ``entail[i, j]`` = probability that answer i entails answer j; K ≥ 2.
            The diagonal is not read.
        threshold: eigenvalues from which eigenvectors count as noise, in (0, 2].

    Returns:
        [..., K] in [0, 1] by construction (rows of a projected orthonormal basis), higher is
        more uncertain. NaN for a prompt with a NaN entry.
    """
    weights, broken = _graph(entail)
    eigenvalues, eigenvectors = np.linalg.eigh(_laplacian(weights))
    kept = np.where(eigenvalues[..., None, :] < threshold, eigenvectors, 0.0)
    centred = kept - kept.mean(axis=-2, keepdims=True)
    distance = np.clip(np.linalg.norm(centred, axis=-1), 0.0, 1.0)
    return np.where(broken[..., None], np.nan, distance)


def eigenvalue_laplacian(entail: Floats) -> Floats:
    """Return a continuous number of meanings.

    U = Σ_k max(0, 1 − λ_k) over the eigenvalues of L as in :func:`eccentricity` (Lin et al. 2023,
    arXiv 2305.19187, "U_EigV").

    Args:
        entail: as for :func:`eccentricity`.

    Returns:
        [...] in [1, K], higher is more uncertain; NaN for a prompt with a NaN entry.
    """
    weights, broken = _graph(entail)
    eigenvalues = np.linalg.eigvalsh(_laplacian(weights))
    return np.where(broken, np.nan, np.maximum(0.0, 1.0 - eigenvalues).sum(axis=-1))


def kernel_language_entropy(
    entail: Floats, contradict: Floats | None = None, t: float = 0.3
) -> Floats:
    """Return the von Neumann entropy of the answers' heat kernel, scaled to [0, 1].

    W = A + Aᵀ with A = p_e + ½ p_neutral, L = D − W, K = exp(−t L) (the matrix exponential, not
    the exponential of its entries), scaled to unit diagonal over the number of answers;
    VNE = −Tr(K ln K) / ln n (Nikitin et al. 2024, arXiv 2405.20003).

    Args:
        entail: as for :func:`eccentricity`.
        contradict: likewise, of contradiction; None takes A = p_e.
        t: how long heat spreads, > 0.

    Returns:
        [...] in [0, 1], higher is more uncertain; NaN for a prompt with a NaN entry.
    """
    k = entail.shape[-1]
    affinity = entail if contradict is None else entail + 0.5 * (1.0 - entail - contradict)
    mutual, broken = _graph(affinity)
    weights = 2.0 * mutual  # its diagonal leaves the Laplacian as it is
    laplacian = weights.sum(axis=-1)[..., None] * np.eye(k) - weights
    eigenvalues, eigenvectors = np.linalg.eigh(laplacian)
    heat = (eigenvectors * np.exp(-t * eigenvalues)[..., None, :]) @ np.swapaxes(
        eigenvectors, -1, -2
    )
    scale = np.sqrt(np.diagonal(heat, axis1=-2, axis2=-1))
    density = heat / (scale[..., :, None] * scale[..., None, :]) / k
    p = np.clip(np.linalg.eigvalsh(density), 0.0, 1.0)
    logs = np.log(np.where(p > 0, p, 1.0))
    entropy = np.clip(-(p * logs).sum(axis=-1) / np.log(k), 0.0, 1.0)
    return np.where(broken, np.nan, entropy)


def _graph(affinity: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the symmetric weights with a diagonal of ones, and which prompts hold a NaN.

    A prompt with a NaN gets the weights of answers that have nothing in common.
    """
    k = affinity.shape[-1]
    eye = np.eye(k, dtype=bool)
    weights = np.where(eye, 1.0, 0.5 * (affinity + np.swapaxes(affinity, -1, -2)))
    broken: NDArray[np.bool_] = np.asarray(np.isnan(weights).any(axis=(-2, -1)))
    return np.where(broken[..., None, None], np.eye(k), weights), broken


def _laplacian(weights: Floats) -> Floats:
    """Return the symmetric normalised Laplacian of [..., K, K] weights."""
    scale = 1.0 / np.sqrt(weights.sum(axis=-1))
    k = weights.shape[-1]
    result: Floats = np.eye(k) - weights * scale[..., :, None] * scale[..., None, :]
    return result
