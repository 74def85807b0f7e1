"""Loaded judges: numbers from (prompt, answer), or from two answers in both orders.

Every judgement is kept in the user's score cache, so that scoring again costs no model call. NaN is
a judgement that could not be made; why, and what the judge said instead, stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from udasa_data.config import BuildConfig, Sampling, ValueRef
from udasa_data.engines import NoLogprobsError, load_engine
from udasa_data.errors import UserError
from udasa_data.runs import key_of
from udasa_data.scorers import Floats, OnBatch, ScoreCache, TextPair, default_file, take_no_line
from udasa_data.scorers.chunks import score_whole
from udasa_data.scorers.models import Options, labels_of, load_classifier
from udasa_data.scorers.value import ValueScorer
from udasa_data.scoring import is_refusal
from udasa_data.storage import Located
from udasa_eval.answers import free_memory
from udasa_eval.judging.judgements import Duel, Judged, LoadedJudge, all_read
from udasa_eval.judging.judges import PinnedJudge
from udasa_eval.judging.kinds import (
    ClassifierJudge,
    EmbeddedRefusal,
    PairJudge,
    PairRubricJudge,
    PromptedJudge,
    QuestionJudge,
    RewardJudge,
    RubricJudge,
    WrittenJudge,
    asked_of,
)
from udasa_eval.judging.needs import engine_config, require_one_output
from udasa_eval.judging.questions import Asker, in_both_orders, orders_of, questions_of
from udasa_eval.judging.rubrics import Reader


@contextmanager
def loaded(
    pinned: PinnedJudge,
    on_unusable: Callable[[str], None] = take_no_line,
    cache_file: Path | None = None,
) -> Iterator[LoadedJudge]:
    """Load a judge, and give its memory back afterwards.

    Args:
        pinned: the judge.
        on_unusable: called with a line for the user when the score cache cannot be used.
        cache_file: of earlier judgements; None is the user's own.

    Raises:
        UserError: it cannot be loaded, or is of another kind than its entry says.
    """
    judge, located = pinned.judge, pinned.located
    if isinstance(judge, EmbeddedRefusal):
        yield LoadedJudge(_refusals, None)
        return
    cache = ScoreCache(cache_file or default_file(), on_unusable)
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
        yield LoadedJudge(lambda pairs, on: all_read(scorer(pairs, on)), None)
    elif isinstance(judge, RewardJudge):
        reward = _Reward(judge, located, options)
        yield LoadedJudge(lambda pairs, on: all_read(reward(pairs, on)), reward.prefer)
    else:
        with _asked(pinned, cache) as ready:
            yield ready
    free_memory()


@contextmanager
def _asked(pinned: PinnedJudge, cache: ScoreCache) -> Iterator[LoadedJudge]:
    """Load a language model that is asked, and end it afterwards."""
    judge, located = pinned.judge, pinned.located
    assert isinstance(judge, PromptedJudge)
    config = engine_config(judge)
    space = f"{located.fingerprint} {key_of(asked_of(judge))}"
    try:
        engine = load_engine(config, located)
        try:
            if isinstance(judge, WrittenJudge):
                yield _written(judge, Reader(engine, judge, _drawn(judge, config), space, cache))
            else:
                yield _weighed(judge, Asker(engine, space, cache, raw=judge.raw))
        finally:
            engine.close()
    except NoLogprobsError as error:
        raise UserError(
            f"judge '{judge.id}': {error.fact}; give it the kind rubric (or pairwise_rubric), "
            "whose verdict is read from what it writes"
        ) from error


def _weighed(judge: PromptedJudge, asker: Asker) -> LoadedJudge:
    if isinstance(judge, QuestionJudge):
        return LoadedJudge(
            lambda pairs, on: asker(questions_of(judge, pairs), judge.yes, judge.no, on), None
        )
    assert isinstance(judge, PairJudge)
    return LoadedJudge(
        None,
        lambda duels, on: in_both_orders(
            orders_of(judge, duels), lambda qs, n: asker(qs, judge.first, judge.second, n), on
        ),
    )


def _written(judge: WrittenJudge, reader: Reader) -> LoadedJudge:
    if isinstance(judge, PairRubricJudge):
        return LoadedJudge(
            None, lambda duels, on: in_both_orders(orders_of(judge, duels), reader, on)
        )
    assert isinstance(judge, RubricJudge)

    def rate(pairs: Sequence[TextPair], on_batch: OnBatch) -> Judged:
        return reader(questions_of(judge, pairs), on_batch)

    return LoadedJudge(rate, lambda duels, on: _by_rating(rate, duels, on))


def _by_rating(
    rate: Callable[[Sequence[TextPair], OnBatch], Judged], duels: Sequence[Duel], on_batch: OnBatch
) -> Judged:
    """Return 1 where the model's answer is rated higher, 0 where lower, ½ where the same."""
    judged = rate(_sides(duels), lambda rows: on_batch(rows / 2))
    n = len(duels)
    values = 0.5 + np.sign(judged.values[:n] - judged.values[n:]) / 2
    why = [a or b for a, b in zip(judged.why[:n], judged.why[n:], strict=True)]
    return Judged(np.stack([values, values], axis=1), why, judged.examples)


def _sides(duels: Sequence[Duel]) -> list[TextPair]:
    """Return the model's answers, then the baseline's."""
    pairs = [TextPair(duel.prompt, duel.answer, duel.turns) for duel in duels]
    return pairs + [TextPair(duel.prompt, duel.baseline, duel.turns) for duel in duels]


def _drawn(judge: WrittenJudge, config: BuildConfig) -> Sampling:
    return msgspec.structs.replace(
        config.sampling, samples=1, temperature=judge.temperature, max_tokens=judge.max_tokens
    )


def _refusals(pairs: Sequence[TextPair], on_batch: OnBatch) -> Judged:
    values = np.array([float(is_refusal(pair.second)) for pair in pairs])
    on_batch(len(pairs))
    return all_read(values)


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
        rewards = self(_sides(duels), lambda rows: on_batch(rows / 2))
        n = len(duels)
        preference = 1.0 / (1.0 + np.exp(rewards[n:] - rewards[:n]))
        return all_read(np.stack([preference, preference], axis=1))
