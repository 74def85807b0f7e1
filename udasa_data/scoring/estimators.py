"""The semantic estimators by name, each with its leave-one-out replicates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.config import SemanticEstimator
from udasa_data.languages import words
from udasa_data.uncertainty import meaning, semantic, spectral

Floats: TypeAlias = NDArray[np.float64]


MIN_READ: Final = 3  # answers that compare: one is left out at a time


class Evidence(NamedTuple):
    """What is known of the K answers to one prompt.

    Attributes:
        entail: [K, K] probability that answer i entails answer j.
        contradict: [K, K] likewise.
        sentence_entail: [K, S, K] probability that answer j entails sentence n of answer i, at
            [i, n, j]; NaN at i = j and beyond the answer's last sentence.
        sentence_contradict: [K, S, K] likewise.
        mean_logprobs: [K] nats; NaN where the policy's log-probabilities are not known.
        texts: K.
        embeddings: [K, D]; D may be 0 where no estimator needs them.
    """

    entail: Floats
    contradict: Floats
    sentence_entail: Floats
    sentence_contradict: Floats
    mean_logprobs: Floats
    texts: Sequence[str]
    embeddings: Floats

    def without(self, left_out: int) -> Evidence:
        """Return what is known of the other answers."""
        return self.only(np.delete(np.arange(len(self.texts)), left_out))

    def only(self, rest: NDArray[np.int64]) -> Evidence:
        """Return what is known of some of the answers."""
        square = np.ix_(rest, rest)
        return Evidence(
            self.entail[square],
            self.contradict[square],
            self.sentence_entail[rest][:, :, rest],
            self.sentence_contradict[rest][:, :, rest],
            self.mean_logprobs[rest],
            [self.texts[n] for n in rest],
            self.embeddings[rest],
        )


def _luq(evidence: Evidence) -> Floats:
    """Return :func:`semantic.luq` of the sentences that are there."""
    k = len(evidence.texts)
    there = np.isfinite(evidence.sentence_entail).any(axis=-1)  # [K, S]
    entail, contradict = (
        np.nan_to_num(cube[there])
        for cube in (evidence.sentence_entail, evidence.sentence_contradict)
    )
    return semantic.luq(entail.reshape(-1, k), contradict.reshape(-1, k), there.sum(axis=-1))


def _auto(evidence: Evidence) -> SemanticEstimator:
    """Return the estimator that ``auto`` stands for: the log-probabilities count where known."""
    return "cocoa" if np.isfinite(evidence.mean_logprobs).all() else "degree"


ESTIMATORS: Final[dict[SemanticEstimator, Callable[[Evidence], Floats]]] = {
    "degree": lambda e: semantic.degree(e.entail),
    "luq": _luq,
    "eccentricity": lambda e: spectral.eccentricity(e.entail),
    "cluster": lambda e: meaning.cluster_surprise(meaning.meaning_clusters(e.entail, e.contradict)),
    "cocoa": lambda e: semantic.cocoa(e.entail, e.mean_logprobs),
    "lexical": lambda e: semantic.lexical([words(text.lower()) for text in e.texts]),
    "cosine": lambda e: semantic.cosine(e.embeddings),
}


def comparable(evidence: Evidence) -> NDArray[np.bool_]:
    """Return [K]: whether the NLI model can read an answer, so that it compares with another.

    Equal texts entail each other without being read, and say nothing of it.
    """
    texts = np.array(evidence.texts, dtype=object)
    others = texts[:, None] != texts[None, :]
    return np.asarray((np.isfinite(evidence.entail) & others).any(axis=1) | ~others.any(axis=1))


def estimate(name: SemanticEstimator, evidence: Evidence) -> tuple[Floats, Floats]:
    """Return u_semantic, [K], and its values with each other answer left out, [K, K].

    The replicates' diagonal is NaN, and so is an answer that the estimator's model cannot read: it
    is none of the others' either. All are NaN where fewer than three are left.
    """
    name = _auto(evidence) if name == "auto" else name
    k = len(evidence.texts)
    u, without = np.full(k, np.nan), np.full((k, k), np.nan)
    read = np.flatnonzero(_readable(name, evidence))
    if len(read) >= MIN_READ:
        u[read], without[np.ix_(read, read)] = _estimate(name, evidence.only(read))
    return u, without


def _readable(name: SemanticEstimator, evidence: Evidence) -> NDArray[np.bool_]:
    if name == "lexical":
        return np.ones(len(evidence.texts), dtype=bool)
    if name == "cosine":
        return np.asarray(np.isfinite(evidence.embeddings).all(axis=1))
    return comparable(evidence)


def _estimate(name: SemanticEstimator, evidence: Evidence) -> tuple[Floats, Floats]:
    u = ESTIMATORS[name](evidence)
    if name == "degree":  # in closed form
        return u, semantic.degree_leave_one_out(evidence.entail)
    if name == "cocoa":
        return u, semantic.cocoa_leave_one_out(evidence.entail, evidence.mean_logprobs)
    k = len(evidence.texts)
    without = np.full((k, k), np.nan)
    for left_out in range(k):
        rest = np.arange(k) != left_out
        without[rest, left_out] = ESTIMATORS[name](evidence.without(left_out))
    return u, without
