"""u_factual of the answers to a prompt: how well their claims are borne out, and by what."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.config import Scoring
from udasa_data.scorers import Entailment
from udasa_data.scoring.pairwise import Answers
from udasa_data.uncertainty import factual

Floats: TypeAlias = NDArray[np.float64]


def factual_uncertainty(
    answers: Answers, entailment: Entailment, entail: Floats, contradict: Floats, options: Scoring
) -> tuple[Floats, Floats]:
    """Return u_factual [K] and its leave-one-out replicates [K, K].

    By the prompt's evidence where there is any, else by what the policy holds of the answer where
    it was asked, else by the other answers. A claim that the NLI model cannot read is left out; NaN
    where none is left.

    Args:
        answers: K answers to a prompt.
        entailment: of the shard's pairs.
        entail: [K, S, K] as :func:`udasa_data.scoring.pairwise.cubes` has it.
        contradict: likewise.
        options: of the scoring step.
    """
    k = len(answers.texts)
    u, without = np.full(k, np.nan), np.full((k, k), np.nan)
    supported = _supported(answers, entailment)
    for i, claims in enumerate(answers.claims):
        others = np.arange(k) != i
        if answers.evidence:  # evidence does not depend on the other answers
            v = np.array([supported[i, n] for n in claims])
            u[i] = factual.shrunk_uncertainty(v[np.isfinite(v)], options.claim_prior)
            without[i, others] = u[i]
            continue
        if options.factual == "p_true":  # nor does what the policy itself holds of it
            without[i, others] = u[i] = answers.p_false.get(i, np.nan)
            continue
        agreements = factual.agreement(entail[i, claims], contradict[i, claims])
        agreements = agreements[np.isfinite(agreements).any(axis=-1)]
        u[i] = factual.shrunk_uncertainty(factual.consistency(agreements), options.claim_prior)
        replicates = factual.consistency_leave_one_out(agreements)
        without[i] = factual.shrunk_uncertainty(replicates, options.claim_prior)
    return u, without


def _supported(answers: Answers, entailment: Entailment) -> dict[tuple[int, int], float]:
    """Return how well the evidence bears out each claim: (answer, sentence) → support."""
    if not answers.evidence_rows:
        return {}
    table = np.array(answers.evidence_rows)
    of_prompt = slice(answers.first_evidence, answers.first_evidence + len(table))
    by_claim = entailment.entail[of_prompt].reshape(-1, len(answers.evidence))
    places = table[:: len(answers.evidence), :2].tolist()
    best = factual.support(by_claim).tolist()
    return {(i, n): v for (i, n), v in zip(places, best, strict=True)}
