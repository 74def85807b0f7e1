"""Language models as judges: how a question is put, and how it is answered by log-probability.

Every judgement is kept in the user's score cache, so that scoring again costs no model call.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from udasa_data.engines import Engine, PolicyPrompt, any_of
from udasa_data.scorers import Floats, OnBatch, ScoreCache, TextPair
from udasa_eval.judging.judgements import EXAMPLES, NONSENSE, ONE_SIDE, UNASKED, Duel, Judged
from udasa_eval.judging.kinds import PairJudge, PairRubricJudge, QuestionJudge, RubricJudge
from udasa_eval.judging.verdicts import replies, thinks, verdicts

# An LLM judge that gives its choices less than this together meant to say something else.
MIN_MASS: Final = 0.01
_FEWEST: Final = 8  # asked together: of a slow judge few, so that its progress is seen and kept
_MOST: Final = 64
_SECONDS: Final = 20.0  # that they may take


class Orders(NamedTuple):
    """The questions about N duels, the model's answer shown first, and shown second."""

    shown_first: list[str]
    shown_second: list[str]


def questions_of(judge: QuestionJudge | RubricJudge, pairs: Sequence[TextPair]) -> list[str]:
    """Return what a judge is asked about each (prompt, answer)."""
    return [_fill(judge.prompt, prompt=pair.first, answer=pair.second) for pair in pairs]


def orders_of(judge: PairJudge | PairRubricJudge, duels: Sequence[Duel]) -> Orders:
    """Return what a judge is asked about each duel, in both orders."""
    return Orders(
        [_fill(judge.prompt, prompt=d.prompt, first=d.answer, second=d.baseline) for d in duels],
        [_fill(judge.prompt, prompt=d.prompt, first=d.baseline, second=d.answer) for d in duels],
    )


def prompt_of(question: str, *, raw: bool) -> PolicyPrompt:
    """Return a question as an engine takes it."""
    return PolicyPrompt((("user", question),), raw, seed=0)


def through_cache(
    cache: ScoreCache,
    space: str,
    questions: Sequence[str],
    columns: int,
    ask: Callable[[Sequence[str]], Floats],
    on_batch: OnBatch,
) -> Floats:
    """Return [N, columns] of N questions, each distinct one asked once, and what is known never.

    Args:
        cache: of earlier judgements; takes new ones whose last column is a number.
        space: what a judge's judgements are known by in it.
        questions: N.
        columns: of numbers that a judgement has.
        ask: returns the judgements of a few questions, [n, columns].
        on_batch: called with how many of the N were just judged.
    """
    distinct = list(dict.fromkeys(questions))
    pairs = [TextPair(question, "") for question in distinct]
    known = cache.get(space, pairs, classes=columns)
    judged = np.full((len(distinct), columns), np.nan)
    if known.rows:
        judged[known.rows] = np.stack(known.logits)
    missing = sorted(set(range(len(distinct))) - set(known.rows))
    on_batch(len(questions) * len(known.rows) / max(len(distinct), 1))
    size = _FEWEST
    while missing:
        rows, missing = missing[:size], missing[size:]
        began = time.monotonic()
        judged[rows] = ask([distinct[row] for row in rows])
        size = _next_size(size, time.monotonic() - began)
        kept = [row for row in rows if np.isfinite(judged[row, -1])]
        cache.put(space, [pairs[row] for row in kept], judged[kept], [False] * len(kept))
        on_batch(len(questions) * len(rows) / len(distinct))
    place = {question: row for row, question in enumerate(distinct)}
    return judged[[place[question] for question in questions]]


def _next_size(size: int, seconds: float) -> int:
    """Return how many to ask together after ``size`` took so long; four times as many at most."""
    grown = min(4.0, _SECONDS / max(seconds, 0.001)) * size
    return min(_MOST, max(_FEWEST, int(grown)))


def _fill(template: str, **fields: str) -> str:
    """Put texts into a prompt's fields; braces in the texts themselves are left alone."""
    names = "|".join(fields)
    return re.sub(rf"\{{({names})\}}", lambda match: fields[match.group(1)], template)


def in_both_orders(
    orders: Orders, ask: Callable[[Sequence[str], OnBatch], Judged], on_batch: OnBatch
) -> Judged:
    """Return the preference for the model's answer, shown first and shown second, [N, 2].

    Args:
        orders: the questions about N duels.
        ask: returns the preference for what is shown first.
        on_batch: called with how many duels were just judged.
    """
    n = len(orders.shown_first)
    judged = ask(orders.shown_first + orders.shown_second, lambda rows: on_batch(rows / 2))
    values = np.stack([judged.values[:n], 1.0 - judged.values[n:]], axis=1)
    why = [a or b for a, b in zip(judged.why[:n], judged.why[n:], strict=True)]
    return Judged(values, why, judged.examples)


class Asker:
    """Asks a language model, and reads its log-probabilities of a few words.

    Of one that thinks first the verdict is read behind its thoughts, and is 0 or 1.

    Args:
        engine: the judge.
        space: what its judgements are known by in the cache.
        cache: of earlier judgements.
        raw: questions are put as plain text.
    """

    def __init__(self, engine: Engine, space: str, cache: ScoreCache, *, raw: bool) -> None:
        self._engine = engine
        self._space = space
        self._cache = cache
        self._raw = raw
        self._thinks: bool | None = None  # before it answers; not known yet

    def __call__(
        self, questions: Sequence[str], yes: Sequence[str], no: Sequence[str], on_batch: OnBatch
    ) -> Judged:
        """Return P(yes) / (P(yes) + P(no)) of each question."""
        weighed = self._weigh(questions, yes, no, on_batch)
        return self._judged(weighed, questions)

    def _weigh(
        self, questions: Sequence[str], yes: Sequence[str], no: Sequence[str], on_batch: OnBatch
    ) -> Floats:
        """Return [N, 2]: P(yes) among yes and no, and how much probability both have together."""

        def ask(batch: Sequence[str]) -> Floats:
            prompts = [prompt_of(question, raw=self._raw) for question in batch]
            weighed = _among(self._engine.choice_logprobs(prompts, [*yes, *no]), len(yes))
            self._think_through(weighed, prompts, yes, no)
            return weighed

        result = through_cache(self._cache, self._space, questions, 2, ask, on_batch)
        result[result[:, 1] < MIN_MASS, 0] = np.nan
        return result

    def _think_through(
        self,
        weighed: Floats,
        prompts: Sequence[PolicyPrompt],
        yes: Sequence[str],
        no: Sequence[str],
    ) -> None:
        """Put verdicts in ``weighed`` where a judge begins with a thought, not with a choice."""
        unclear = np.flatnonzero(weighed[:, 1] < MIN_MASS)
        asked = [prompts[n] for n in unclear]
        if self._thinks is None and asked:
            self._thinks = thinks(replies(self._engine, asked[:EXAMPLES]))
        if self._thinks:
            for n, p in zip(unclear, verdicts(self._engine, asked, yes, no), strict=True):
                if p is not None:
                    weighed[n] = p, 1.0

    def _judged(self, weighed: Floats, questions: Sequence[str]) -> Judged:
        """Say why judgements are missing, and what the judge says instead of its choices."""
        why = [_why(value, mass) for value, mass in weighed.tolist()]
        unclear = [q for q, reason in zip(questions, why, strict=True) if reason == NONSENSE]
        prompts = [prompt_of(q, raw=self._raw) for q in dict.fromkeys(unclear)][:EXAMPLES]
        said = [reply.text or reply.reasoning for reply in replies(self._engine, prompts)]
        return Judged(weighed[:, 0], why, tuple(text.strip() for text in said))


def _among(logprobs: Floats, n_yes: int) -> Floats:
    """Return [N, 2] from [N, C] log-probabilities: P(yes) among yes and no, and their sum.

    P is NaN where nothing is known of one of the two sides; the sum, too, where of neither.
    """
    first, second = any_of(logprobs[:, :n_yes]), any_of(logprobs[:, n_yes:])
    with np.errstate(invalid="ignore"):  # unknown, or of no probability at all
        p = np.exp(first - np.logaddexp(first, second))
    return np.stack([p, np.exp(any_of(np.stack([first, second], axis=1)))], axis=1)


def _why(value: float, mass: float) -> str | None:
    if np.isnan(mass):
        return UNASKED
    if np.isnan(value):
        return NONSENSE if mass < MIN_MASS else ONE_SIDE
    return None
