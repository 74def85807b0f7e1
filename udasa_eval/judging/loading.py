"""Loaded judges: numbers from (prompt, answer), or from two answers in both orders.

Every judgement is kept in the user's score cache, so that scoring again costs no model call. NaN is
a judgement that could not be made; why, and what the judge said instead, stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import msgspec
import numpy as np

from udasa_data.config import ValueRef, resolve
from udasa_data.engines import Engine, PolicyPrompt, load_engine
from udasa_data.runs import key_of
from udasa_data.scorers import Floats, OnBatch, ScoreCache, TextPair, default_file, take_no_line
from udasa_data.scorers.chunks import score_whole
from udasa_data.scorers.models import Options, labels_of, load_classifier
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import Located
from udasa_eval.answers import free_memory
from udasa_eval.judging.judges import (
    ClassifierJudge,
    PairJudge,
    PinnedJudge,
    QuestionJudge,
    RewardJudge,
)
from udasa_eval.judging.needs import require_one_output
from udasa_eval.judging.verdicts import replies, thinks, verdicts

# An LLM judge that gives its choices less than this together meant to say something else.
MIN_MASS: Final = 0.01
EXAMPLES: Final = 3
_CHUNK: Final = 64
_NONSENSE: Final = "the judge says something else"
_UNASKED: Final = "too long for the judge, or refused by it"
_UNREAD: Final = (
    "most of its characters are unknown to the judge, or the judge's chat template refuses it"
)


class Duel(NamedTuple):
    """A prompt, the model's answer and the baseline's; ``turns`` as those of a ``TextPair``."""

    prompt: str
    answer: str
    baseline: str
    turns: tuple[tuple[str, str], ...] = ()


class Judged(NamedTuple):
    """What a judge made of N items.

    Attributes:
        values: [N] or, of duels, [N, 2]: the preference for the model's answer shown first, shown
            second. NaN: unscored.
        why: [N], None where there is a value.
        examples: of what the judge said instead, a few.
    """

    values: Floats
    why: list[str | None]
    examples: tuple[str, ...] = ()


class LoadedJudge(NamedTuple):
    """What a judge can be asked for; what it cannot is None."""

    rate: Callable[[Sequence[TextPair], OnBatch], Judged] | None
    prefer: Callable[[Sequence[Duel], OnBatch], Judged] | None


@contextmanager
def loaded(
    pinned: PinnedJudge, on_unusable: Callable[[str], None] = take_no_line
) -> Iterator[LoadedJudge]:
    """Load a judge, and give its memory back afterwards.

    Args:
        pinned: the judge.
        on_unusable: called with a line for the user when the score cache cannot be used.

    Raises:
        UserError: it cannot be loaded, or is of another kind than its entry says.
    """
    judge, located = pinned.judge, pinned.located
    cache = ScoreCache(default_file(), on_unusable)
    options = Options(cache=cache)
    if isinstance(judge, ClassifierJudge):
        ref = ValueRef(
            id=judge.id,
            violation=judge.positive,
            temperature=judge.temperature,
            input=judge.input,
            verdict=judge.verdict,
        )
        scorer = ValueScorer(ref, located, options)
        yield LoadedJudge(lambda pairs, on: _all(scorer(pairs, on)), None)
    elif isinstance(judge, RewardJudge):
        reward = _Reward(judge, located, options)
        yield LoadedJudge(lambda pairs, on: _all(reward(pairs, on)), reward.prefer)
    else:
        # `judge` has a server asked for log-probabilities, and refused when it gives none
        overrides = {"engine": judge.engine, "judge": {}, **judge.options}
        config = resolve(judge.id, overrides, scorers="tiny")
        engine = load_engine(config, located)
        space = f"{located.fingerprint} {key_of(msgspec.to_builtins(judge))}"
        asker = _Asker(engine, space, cache)
        try:
            if isinstance(judge, QuestionJudge):
                yield LoadedJudge(lambda pairs, on: asker.rate(judge, pairs, on), None)
            else:
                yield LoadedJudge(None, lambda duels, on: asker.prefer(judge, duels, on))
        finally:
            engine.close()
    free_memory()


class _Reward:
    """The output of a reward model; what is longer than it reads is cut from the left."""

    def __init__(self, judge: RewardJudge, located: Located, options: Options) -> None:
        self._loaded = load_classifier(located, options, judge.input)
        require_one_output(judge.id, labels_of(self._loaded))

    def __call__(self, pairs: Sequence[TextPair], on_batch: OnBatch) -> Floats:
        """Return the reward of each (prompt, answer), [N]; higher is better."""
        if self._loaded.shown == "answer":
            pairs = [TextPair(pair.second, "") for pair in pairs]
        return np.asarray(score_whole(self._loaded, pairs, on_batch)[:, 0])

    def prefer(self, duels: Sequence[Duel], on_batch: OnBatch) -> Judged:
        """Return sigmoid(r_model − r_baseline) (Bradley–Terry); the order does not matter to it."""
        pairs = [TextPair(duel.prompt, duel.answer, duel.turns) for duel in duels]
        pairs += [TextPair(duel.prompt, duel.baseline, duel.turns) for duel in duels]
        rewards = self(pairs, lambda rows: on_batch(rows / 2))
        n = len(duels)
        preference = 1.0 / (1.0 + np.exp(rewards[n:] - rewards[:n]))
        return _all(np.stack([preference, preference], axis=1))


class _Asker:
    """Asks a language model, and reads its log-probabilities of a few words.

    Of one that thinks first the verdict is read behind its thoughts, and is 0 or 1.
    """

    def __init__(self, engine: Engine, space: str, cache: ScoreCache) -> None:
        self._engine = engine
        self._space = space
        self._cache = cache
        self._thinks: bool | None = None  # before it answers; not known yet

    def rate(self, judge: QuestionJudge, pairs: Sequence[TextPair], on_batch: OnBatch) -> Judged:
        """Return P(yes) of each (prompt, answer)."""
        questions = [_fill(judge.prompt, prompt=pair.first, answer=pair.second) for pair in pairs]
        p = self._weigh(questions, judge.yes, judge.no, raw=judge.raw, on_batch=on_batch)
        return self._judged(p, questions, raw=judge.raw)

    def prefer(self, judge: PairJudge, duels: Sequence[Duel], on_batch: OnBatch) -> Judged:
        """Return the preference for the model's answer, shown first and shown second."""
        shown_first = [
            _fill(judge.prompt, prompt=d.prompt, first=d.answer, second=d.baseline) for d in duels
        ]
        shown_second = [
            _fill(judge.prompt, prompt=d.prompt, first=d.baseline, second=d.answer) for d in duels
        ]
        questions = shown_first + shown_second
        p = self._weigh(
            questions, judge.first, judge.second, raw=judge.raw, on_batch=lambda n: on_batch(n / 2)
        )
        judged = self._judged(p, questions, raw=judge.raw)
        n = len(duels)
        why = [a or b for a, b in zip(judged.why[:n], judged.why[n:], strict=True)]
        return Judged(np.stack([p[:n, 0], 1.0 - p[n:, 0]], axis=1), why, judged.examples)

    def _weigh(
        self,
        questions: Sequence[str],
        yes: Sequence[str],
        no: Sequence[str],
        *,
        raw: bool,
        on_batch: OnBatch,
    ) -> Floats:
        """Return [N, 2]: P(yes) among yes and no, and how much probability both have together."""
        distinct = list(dict.fromkeys(questions))
        pairs = [TextPair(question, "") for question in distinct]
        known = self._cache.get(self._space, pairs, classes=2)
        weighed = np.full((len(distinct), 2), np.nan)
        if known.rows:
            weighed[known.rows] = np.stack(known.logits)
        missing = sorted(set(range(len(distinct))) - set(known.rows))
        on_batch(len(questions) * len(known.rows) / max(len(distinct), 1))
        for start in range(0, len(missing), _CHUNK):
            rows = missing[start : start + _CHUNK]
            prompts = [_prompt(distinct[row], raw=raw) for row in rows]
            logprobs = self._engine.choice_logprobs(prompts, [*yes, *no])
            with np.errstate(invalid="ignore"):  # rows of NaN, or of no probability at all
                first = np.logaddexp.reduce(logprobs[:, : len(yes)], axis=1)
                second = np.logaddexp.reduce(logprobs[:, len(yes) :], axis=1)
                both = np.logaddexp(first, second)
                weighed[rows] = np.stack([np.exp(first - both), np.exp(both)], axis=1)
            self._think_through(weighed, rows, prompts, yes, no)
            batch = [pairs[row] for row in rows]
            self._cache.put(self._space, batch, weighed[rows], [False] * len(rows))
            on_batch(len(questions) * len(rows) / len(distinct))
        place = {question: row for row, question in enumerate(distinct)}
        result = weighed[[place[question] for question in questions]]
        result[result[:, 1] < MIN_MASS, 0] = np.nan
        return np.asarray(result)

    def _think_through(
        self,
        weighed: Floats,
        rows: Sequence[int],
        prompts: Sequence[PolicyPrompt],
        yes: Sequence[str],
        no: Sequence[str],
    ) -> None:
        """Put verdicts in ``weighed`` where a judge begins with a thought, not with a choice."""
        unclear = [n for n, row in enumerate(rows) if weighed[row, 1] < MIN_MASS]
        asked = [prompts[n] for n in unclear]
        if self._thinks is None and asked:
            self._thinks = thinks(replies(self._engine, asked[:EXAMPLES]))
        if self._thinks:
            for n, p in zip(unclear, verdicts(self._engine, asked, yes, no), strict=True):
                if p is not None:
                    weighed[rows[n]] = p, 1.0

    def _judged(self, p: Floats, questions: Sequence[str], *, raw: bool) -> Judged:
        """Say why judgements are missing, and what the judge says instead of its choices."""
        why = [
            _UNASKED if np.isnan(mass) else _NONSENSE if np.isnan(value) else None
            for value, mass in p
        ]
        unclear = [q for q, reason in zip(questions, why, strict=True) if reason == _NONSENSE]
        prompts = [_prompt(question, raw=raw) for question in dict.fromkeys(unclear)][:EXAMPLES]
        said = [reply.text or reply.reasoning for reply in replies(self._engine, prompts)]
        return Judged(p[:, 0], why, tuple(text.strip() for text in said))


def _all(values: Floats) -> Judged:
    """Return values as judgements; NaN where the judge cannot read the text."""
    return Judged(values, [_UNREAD if np.isnan(value).any() else None for value in values])


def _prompt(question: str, *, raw: bool) -> PolicyPrompt:
    return PolicyPrompt((("user", question),), raw, seed=0)


def _fill(template: str, **fields: str) -> str:
    """Put texts into a prompt's fields; braces in the texts themselves are left alone."""
    names = "|".join(fields)
    return re.sub(rf"\{{({names})\}}", lambda match: fields[match.group(1)], template)
