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

from udasa_data.languages import sentences
from udasa_data.schema import Axis
from udasa_data.scorers import Entailment, TextPair, exchange
from udasa_data.scoring.claims import claims_of, is_checkable

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
    language: str | None = None  # of the answers, ISO 639; None: not known
    sentences: list[list[str]] = field(default_factory=list)
    claims: list[list[int]] = field(default_factory=list)  # sentence numbers
    prefix: str = ""
    turns: tuple[tuple[str, str], ...] = ()  # that the prefix renders
    pair_rows: list[tuple[int, int, int]] = field(default_factory=list)  # answer, sentence, other
    first_pair: int = 0
    evidence: list[str] = field(default_factory=list)
    evidence_rows: list[tuple[int, int, int]] = field(default_factory=list)
    first_evidence: int = 0
    p_false: dict[int, float] = field(default_factory=dict)  # the policy's own, where it was asked

    def asked(self, answer: str) -> TextPair:
        """Return the whole conversation and an answer to it."""
        return exchange(self.row["messages"], answer)


def plan_pairs(by_prompt: Sequence[Answers], max_sentences: int | None = None) -> list[TextPair]:
    """Return the premise–hypothesis pairs of a shard, and note in each prompt where its own lie.

    Premise: another answer, or a sentence of the evidence. Hypothesis: a sentence of the answer.
    Where truth is asked for, both sides begin with the conversation (with the question: Kuhn et al.
    2023), since "Paris" alone asserts nothing, and so does a bare name that is held against
    evidence: a rule of the axis, since probabilities with and without a question are on two scales.
    Equal texts need no model: they entail each other.

    Args:
        by_prompt: the answers to each prompt.
        max_sentences: of an answer that are hypotheses, evenly spaced, its first and last among
            them; None: all. As premise an answer is always whole.
    """
    pairs: list[TextPair] = []
    for answers in by_prompt:
        _find_claims(answers, max_sentences)
        answers.first_pair = len(pairs)
        pairs += _pairs_between(answers)
        answers.first_evidence = len(pairs)
        pairs += _pairs_with_evidence(answers)
    return pairs


def _find_claims(answers: Answers, max_sentences: int | None) -> None:
    """Split the answers into sentences, and note which of these are claims."""
    split = (sentences(text, answers.language) or [text] for text in answers.texts)
    answers.sentences = [_spaced(of_answer, max_sentences) for of_answer in split]
    if answers.row["axis"] == Axis.SENTIMENT:  # a review to be continued asserts nothing checkable
        answers.claims = [[] for _ in answers.texts]
    else:
        of_fact = answers.row["axis"] == Axis.TRUTHFULNESS
        answers.claims = [claims_of(split, of_fact=of_fact) for split in answers.sentences]
    if answers.row["axis"] == Axis.TRUTHFULNESS:
        asked = answers.asked("")
        speaker = "\n\nAssistant: " if asked.turns else " "
        answers.prefix, answers.turns = f"{asked.first}{speaker}".lstrip(), asked.turns


def _spaced(split: list[str], most: int | None) -> list[str]:
    """Return at most so many sentences, evenly spaced from the first to the last."""
    if most is None or len(split) <= most:
        return split
    return [split[n] for n in np.linspace(0, len(split) - 1, most).round().astype(int)]


def _pairs_between(answers: Answers) -> list[TextPair]:
    """Return (another answer, sentence), and note which answers and sentence each is of."""
    prefix, texts = answers.prefix, answers.texts
    for i, split in enumerate(answers.sentences):
        for j, text in enumerate(texts):
            if text != texts[i]:
                answers.pair_rows += [(i, n, j) for n in range(len(split))]
    return [
        TextPair(prefix + texts[j], prefix + answers.sentences[i][n], answers.turns)
        for i, n, j in answers.pair_rows
    ]


def _pairs_with_evidence(answers: Answers) -> list[TextPair]:
    """Return (sentence of the evidence, claim), and note which of them each is of."""
    answers.evidence = evidence = sentences(answers.row["context"] or "", answers.language)
    for i, claims in enumerate(answers.claims):
        answers.evidence_rows += [(i, n, e) for n in claims for e in range(len(evidence))]
    return [TextPair(evidence[e], _asserted(answers, i, n)) for i, n, e in answers.evidence_rows]


def _asserted(answers: Answers, i: int, n: int) -> str:
    """Return a claim, a bare name with what was asked."""
    claim = answers.sentences[i][n]
    return claim if is_checkable(claim) else answers.prefix + claim


def value_pairs(answers: Answers) -> list[TextPair]:
    """Return (conversation, answer) for the value scorers; of a continued review, its text."""
    if answers.row["axis"] == Axis.SENTIMENT:
        begun = answers.row["messages"][-1]["content"]
        return [TextPair(f"{begun} {text}".lstrip(), "") for text in answers.texts]
    return [answers.asked(text) for text in answers.texts]


def cubes(answers: Answers, entailment: Entailment) -> tuple[Floats, Floats]:
    """Return p_e and p_c as [answer, sentence, other answer].

    NaN at the answer's own place and beyond its last sentence; an equal text entails (1, 0).
    """
    k, most = len(answers.texts), max(len(split) for split in answers.sentences)
    entail, contradict = np.full((k, most, k), np.nan), np.full((k, most, k), np.nan)
    for i, text in enumerate(answers.texts):
        for j, other in enumerate(answers.texts):
            if i != j and text == other:
                entail[i, : len(answers.sentences[i]), j] = 1.0
                contradict[i, : len(answers.sentences[i]), j] = 0.0
    if answers.pair_rows:
        at = tuple(np.array(answers.pair_rows).T)
        of_prompt = slice(answers.first_pair, answers.first_pair + len(answers.pair_rows))
        entail[at] = entailment.entail[of_prompt]
        contradict[at] = entailment.contradict[of_prompt]
    return entail, contradict


def between_answers(answers: Answers, cube: Floats) -> Floats:
    """Return [K, K]: the probability from answer i to answer j, a mean over j's sentences (LUQ).

    Sentences that the model cannot read are left out; NaN where none is left.
    """
    of_answer = [_mean(cube[j, : len(split)]) for j, split in enumerate(answers.sentences)]
    return np.stack(of_answer).T


def _mean(values: Floats) -> Floats:
    """Return the mean [K] of [S, K], NaN left out."""
    if np.isfinite(values).all():
        return np.asarray(values.mean(axis=0))
    finite = np.isfinite(values)
    n = finite.sum(axis=0)
    total = np.where(finite, values, 0.0).sum(axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
