"""What the models say of the answers of a shard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.schema import Axis
from udasa_data.scorers import Entailment, Scorers, TextPair, TextScorer
from udasa_data.scoring.pairwise import Answers, plan_pairs, value_pairs

Floats: TypeAlias = NDArray[np.float64]


class Output(NamedTuple):
    """What the models return for the N answers of a shard, prompt after prompt.

    Attributes:
        entailment: of the pairs that :func:`plan_pairs` planned.
        violations: [N, M] P(violation), one column a value scorer.
        embeddings: [N, D]; D is 0 without an embedder.
        p_harmful: [P] of each prompt, that it asks for harm; NaN without a scorer of that.
        p_refuses: [N] of each answer, that it refuses; None: the embedded classifier says so.
    """

    entailment: Entailment
    violations: Floats
    embeddings: Floats
    p_harmful: Floats
    p_refuses: Floats | None


def run_models(
    by_prompt: Sequence[Answers],
    scorers: Scorers,
    on_share: Callable[[float], None],
    max_sentences: int | None = None,
) -> Output:
    """Run every scorer over the answers; what the policy says of them is noted in each prompt."""
    pairs = plan_pairs(by_prompt, max_sentences)
    asked = _to_ask(by_prompt) if scorers.truth else []
    values = [pair for answers in by_prompt for pair in value_pairs(answers)]
    axes = [answers.row["axis"] for answers in by_prompt for _ in answers.texts]
    texts = [text for answers in by_prompt for text in answers.texts] if scorers.embedder else []
    prompts = [answers.asked("")._replace(turns=()) for answers in by_prompt]
    work = len(pairs) + len(values) * len(scorers.value) + len(asked) + len(texts)
    work += len(prompts) if scorers.prompt_harm else 0
    work += len(values) if scorers.refusal else 0

    def done(rows: float) -> None:
        on_share(rows / max(work, 1))  # no prompt may have enough answers

    entailment = scorers.nli(pairs, done)
    violations = _violations(scorers, values, np.array(axes, dtype=str), done)
    if scorers.truth:
        _note_p_false(asked, scorers.truth, done)
    embeddings = np.empty((len(values), 0))
    if scorers.embedder:
        embeddings = scorers.embedder(texts, done)
    p_harmful = np.full(len(prompts), np.nan)
    if scorers.prompt_harm:
        p_harmful = scorers.prompt_harm(prompts, done)
    p_refuses = None
    if scorers.refusal:
        said = [answers.asked(text) for answers in by_prompt for text in answers.texts]
        p_refuses = scorers.refusal(said, done)
    return Output(entailment, violations, embeddings, p_harmful, p_refuses)


def _to_ask(by_prompt: Sequence[Answers]) -> list[tuple[Answers, int]]:
    """Return the answers of which the policy is asked whether they are true.

    Those that make a checkable claim to a prompt without evidence: evidence knows better.
    """
    return [
        (answers, i)
        for answers in by_prompt
        for i, claims in enumerate(answers.claims)
        if claims and not answers.evidence
    ]


def _note_p_false(
    asked: list[tuple[Answers, int]], truth: TextScorer, done: Callable[[float], None]
) -> None:
    """Have the policy say how likely answers are false, and note it in each prompt."""
    pairs = [answers.asked(answers.texts[i]) for answers, i in asked]
    for (answers, i), p in zip(asked, truth(pairs, done).tolist(), strict=True):
        answers.p_false[i] = p


def _violations(
    scorers: Scorers,
    pairs: list[TextPair],
    axes: NDArray[np.str_],
    done: Callable[[float], None],
) -> Floats:
    """Return P(violation), [N, M]: the value scorers', or the sentiment scorer's in column 0.

    NaN where a scorer does not read an answer's axis.
    """
    p_violation = np.full((len(pairs), len(scorers.value)), np.nan)
    is_review = axes == Axis.SENTIMENT
    for column, scorer in enumerate(scorers.value):
        read = ~is_review & np.isin(axes, scorers.axes.get(scorer.name, np.unique(axes)))
        p_violation[read, column] = scorer(_at(pairs, read), done)
        done(float((~is_review & ~read).sum()))
    share = len(scorers.value)  # one scorer stands for all of them here
    reviews = _at(pairs, is_review)
    p_violation[is_review, 0] = scorers.sentiment(reviews, lambda rows: done(rows * share))
    return p_violation


def _at(pairs: Sequence[TextPair], kept: NDArray[np.bool_]) -> list[TextPair]:
    return [pair for pair, is_kept in zip(pairs, kept.tolist(), strict=True) if is_kept]
