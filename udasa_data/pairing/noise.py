"""How far the uncertainties of answers to one prompt lie apart by noise alone."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.uncertainty.jackknife import jackknife_se

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


class Replicates(NamedTuple):
    """The combined uncertainty of each answer again, with less known.

    Attributes:
        by_sample: [N, K] without sample k; NaN at the row's own.
        by_scorer: [N, M] without value scorer m; NaN where it did not read the answer.
    """

    by_sample: Floats
    by_scorer: Floats

    def of_prompts(self, first: int, last: int) -> tuple[Floats, Floats]:
        """Return both of some prompts: [P, K, K] and [P, K, M]."""
        k = self.by_sample.shape[1]
        rows = slice(first * k, last * k)
        by_sample, by_scorer = self.by_sample[rows], self.by_scorer[rows]
        n = len(by_sample) // k
        return by_sample.reshape(n, k, k), by_scorer.reshape(n, k, by_scorer.shape[1])


def spread(by_sample: Floats, by_scorer: Floats) -> Floats:
    """Return [P] the standard error of one answer's uncertainty beside the others' of its prompt.

    The root of the mean variance of the answers: the jackknife over samples plus that over value
    scorers, of uncertainties from which each replicate's mean over the answers is taken, since
    what moves all of them alike does not part them. One estimate a prompt: that of a pair is
    noisy itself, and a pair is found where its own is small.

    Args:
        by_sample: [P, K, K].
        by_scorer: [P, K, M].
    """
    variance = np.zeros(by_sample.shape[:2])
    known = np.zeros(variance.shape, dtype=bool)
    for replicates in (by_sample, by_scorer):
        finite = np.isfinite(replicates)
        n = finite.sum(axis=1, keepdims=True)
        mean = np.where(finite, replicates, 0.0).sum(axis=1, keepdims=True) / np.maximum(n, 1)
        se = jackknife_se(replicates - mean)
        most = n.max(axis=2, initial=2)
        variance += np.nan_to_num(se, nan=0.0) ** 2 * most / (most - 1)  # each is in that mean
        known |= finite.any(axis=2)
    total = np.where(known, variance, 0.0).sum(axis=1)
    return np.asarray(np.sqrt(total / np.maximum(known.sum(axis=1), 1)))


def pair_se(by_sample: Floats, by_scorer: Floats, chosen: Ints, rejected: Ints) -> Floats:
    """Return [P] the jackknife standard error of a pair's gap, over samples and value scorers.

    Args:
        by_sample: [P, K, K].
        by_scorer: [P, K, M].
        chosen: [P] which answer.
        rejected: [P] which answer.
    """
    rows = np.arange(len(chosen))
    parts = [
        jackknife_se(replicates[rows, rejected] - replicates[rows, chosen])
        for replicates in (by_sample, by_scorer)
    ]
    return np.asarray(np.where(np.isnan(parts[1]), parts[0], np.hypot(*parts)))


@cache
def expected_range(n: int) -> float:
    """Return the mean of max − min of ``n`` independent standard normal variables.

    E = ∫ 1 − Φ(x)ⁿ − (1 − Φ(x))ⁿ dx  (Tippett 1925, Biometrika 17; 2.85 of eight).
    """
    from scipy.special import ndtr

    x = np.linspace(-8.0, 8.0, 4001)
    below = ndtr(x)
    return float(np.trapezoid(1.0 - below**n - (1.0 - below) ** n, x))


def noise_range(sd: Floats, n: Ints, rule: str) -> Floats:
    """Return [P] the gap that a pair of equally good answers has in the mean.

    Args:
        sd: [P] of :func:`spread`.
        n: [P] how many answers are scored.
        rule: ``pairing.rejected``: a rejected answer that is no extreme lies, in the mean, half as
            far from the least uncertain one.
    """
    ranges = np.array([expected_range(int(k)) if k > 1 else 0.0 for k in n.tolist()])
    share = 0.5 if rule in {"median", "random"} else 1.0
    return np.asarray(sd * ranges * share)


def gap_words(delta: float, se: float) -> str:
    """Return a gap with its noise, where that is known: ``Δu 0.120 ± 0.034``."""
    # 0: nothing that moves was weighed, as with one scorer of sentiment
    return f"Δu {delta:.3f} ± {se:.3f}" if se > 0 else f"Δu {delta:.3f}"
