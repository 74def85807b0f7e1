"""Which pairs of texts the scores of a shard need, and where each pair's result belongs.

Premise: another answer to the same prompt, or a sentence of its evidence. Hypothesis: a sentence
of the answer. One set of pairs serves the semantic and the factual dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.schema import Axis
from udasa_data.scorers import Entailment, TextPair, sentences
from udasa_data.scoring.claims import is_checkable

Floats: TypeAlias = NDArray[np.float64]


@dataclass
class Answers:
    """One prompt with its non-empty answers, and where its NLI pairs lie among the shard's."""

    row: dict[str, Any]
    ids: list[int]
    texts: list[str]
    mean_logprobs: list[float]  # of a token, nats; NaN where unknown
    sum_logprobs: list[float]
    n_samples: int
    sentences: list[list[str]] = field(default_factory=list)
    claims: list[list[int]] = field(default_factory=list)  # sentence numbers
    prefix: str = ""
    pair_rows: list[tuple[int, int, int]] = field(default_factory=list)  # answer, sentence, other
    first_pair: int = 0
    evidence: list[str] = field(default_factory=list)
    evidence_rows: list[tuple[int, int, int]] = field(default_factory=list)
    first_evidence: int = 0
    p_false: dict[int, float] = field(default_factory=dict)  # the policy's own, where it was asked


def plan_pairs(answers: Sequence[Answers]) -> list[TextPair]:
    """Return the premise–hypothesis pairs of a shard, and note in each prompt where its own lie.

    Premise: another answer, or a sentence of the evidence. Hypothesis: a sentence of the answer.
    When all answers to a prompt are single sentences, both sides begin with the question (Kuhn et
    al. 2023), since "Paris" alone asserts nothing. Equal texts need no model: they entail
    each other.
    """
    pairs: list[TextPair] = []
    for one in answers:
        one.sentences = [sentences(text) or [text] for text in one.texts]
        if one.row["axis"] == Axis.SENTIMENT:  # a review to be continued asserts nothing checkable
            one.claims = [[] for _ in one.texts]
        else:
            one.claims = [
                [n for n, s in enumerate(said) if is_checkable(s)] for said in one.sentences
            ]
        if all(len(said) == 1 for said in one.sentences):
            one.prefix = f"{one.row['messages'][-1]['content']} ".lstrip()
        one.first_pair = len(pairs)
        for i, said in enumerate(one.sentences):
            for j, other in enumerate(one.texts):
                if other != one.texts[i]:
                    one.pair_rows += [(i, n, j) for n in range(len(said))]
        pairs += [
            TextPair(one.prefix + one.texts[j], one.prefix + one.sentences[i][n])
            for i, n, j in one.pair_rows
        ]
        one.first_evidence = len(pairs)
        one.evidence = sentences(one.row["context"] or "")
        for i, claims in enumerate(one.claims):
            one.evidence_rows += [(i, n, e) for n in claims for e in range(len(one.evidence))]
        pairs += [TextPair(one.evidence[e], one.sentences[i][n]) for i, n, e in one.evidence_rows]
    return pairs


def cubes(one: Answers, entailment: Entailment) -> tuple[Floats, Floats]:
    """Return p_e and p_c as [answer, sentence, other answer].

    NaN at the answer's own place and beyond its last sentence; an equal text entails (1, 0).
    """
    k, most = len(one.texts), max(len(said) for said in one.sentences)
    entail, contradict = np.full((k, most, k), np.nan), np.full((k, most, k), np.nan)
    for i, text in enumerate(one.texts):
        for j, other in enumerate(one.texts):
            if i != j and text == other:
                entail[i, : len(one.sentences[i]), j] = 1.0
                contradict[i, : len(one.sentences[i]), j] = 0.0
    if one.pair_rows:
        at = tuple(np.array(one.pair_rows).T)
        mine = slice(one.first_pair, one.first_pair + len(one.pair_rows))
        entail[at] = entailment.entail[mine]
        contradict[at] = entailment.contradict[mine]
    return entail, contradict


def between_answers(one: Answers, cube: Floats) -> Floats:
    """Return [K, K]: the probability from answer i to answer j, a mean over j's sentences (LUQ)."""
    of_answer = [cube[j, : len(said)].mean(axis=0) for j, said in enumerate(one.sentences)]
    return np.stack(of_answer).T
