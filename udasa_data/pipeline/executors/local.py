"""The local executor: this process makes the shards, all of them or its slice of them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from udasa_data.config import Precision
from udasa_data.errors import UserError
from udasa_data.pipeline.executors.beside import ScoringBeside, scores_beside
from udasa_data.pipeline.executors.work import (
    KEEP_EVERY,
    SampleMaker,
    ScoreMaker,
    Work,
    work_of,
)
from udasa_data.pipeline.preparation import Prepared
from udasa_data.progress import Progress
from udasa_data.sampling import Spending


class _ToDo(NamedTuple):
    """What a step has to do: all its prompts, and those yet to be done by shard."""

    total: int
    prompts: dict[int, int]

    @property
    def left(self) -> int:
        return sum(self.prompts.values())


class LocalExecutor:
    """Makes first the samples, then the scores, so that the engine is gone before the scorers come.

    Where a server draws the answers, shards are scored meanwhile, each as it is sampled: a build
    takes as long as the longer of the two. The rows are the same.

    Args:
        rank: of ``world_size`` processes that share a run, this is number ``rank``, from 0. It
            makes the shards whose number is ``rank`` modulo ``world_size``: each slice is spread
            over the whole run, so that none has all the long prompts.
        world_size: 1 makes all shards.
        cache: the file of the score cache; None is the user's.
        keep_every: seconds after which answers to a shard that is not whole are kept.
        beside: whether to score beside sampling where that can be.
    """

    def __init__(
        self,
        rank: int = 0,
        world_size: int = 1,
        cache: Path | None = None,
        keep_every: float = KEEP_EVERY,
        *,
        beside: bool = True,
    ) -> None:
        self._rank = rank
        self._world_size = world_size
        self._cache = cache
        self._keep_every = keep_every
        self._beside = beside

    def make_shards(self, prepared: Prepared, progress: Progress) -> None:
        """See :meth:`udasa_data.pipeline.executors.Executor.make_shards`."""
        samples, scores = (self._to_do(prepared, step) for step in ("samples", "scores"))
        if samples.prompts and scores.prompts and self._beside and scores_beside(prepared.config):
            self._make_beside(prepared, progress, samples, scores)
            return
        _begin(progress, "samples", samples)
        if samples.prompts:
            self._sample(prepared, progress, samples, self._work(prepared))
        progress.finish()
        _begin(progress, "scores", scores)
        if scores.prompts:
            self._score(prepared, progress, scores.prompts, self._work(prepared))
        progress.finish()

    def _make_beside(
        self, prepared: Prepared, progress: Progress, samples: _ToDo, scores: _ToDo
    ) -> None:
        """Score each shard while the next ones are drawn."""
        work = self._work(prepared)
        there = scores.prompts.keys() - samples.prompts.keys()
        with ScoringBeside(prepared, work, scores.prompts, there) as scoring:
            _begin(progress, "samples", samples)
            self._sample(prepared, progress, samples, work, scoring)
            progress.finish()
            scoring.finish(progress, scores.total)

    def _to_do(self, prepared: Prepared, step: str) -> _ToDo:
        """Return the shards of a step that this process has to make, and their prompts to do."""
        of_rank = range(self._rank, prepared.shards[step].count, self._world_size)
        missing = [number for number in prepared.shards[step].missing() if number in of_rank]
        total = sum(len(prepared.shard_of_prompts(number)) for number in of_rank)
        prompts = {number: prepared.shard_of_prompts(number) for number in missing}
        if step == "samples":
            prompts = {
                number: prepared.parts.unanswered(number, prompts[number]) for number in prompts
            }
        return _ToDo(total, {number: len(rest) for number, rest in prompts.items()})

    def _work(self, prepared: Prepared) -> Work:
        return work_of(prepared, _resolve_precision, self._cache, self._keep_every)

    def _sample(
        self,
        prepared: Prepared,
        progress: Progress,
        to_do: _ToDo,
        work: Work,
        scoring: ScoringBeside | None = None,
    ) -> None:
        shards = [(number, prepared.shard_of_prompts(number)) for number in to_do.prompts]
        spending = self._spending(prepared, progress, to_do.left)
        if scoring is not None:
            spending.beside = lambda: scoring.words
        affordable = spending.affordable(shards, to_do.prompts)
        with spending, closing(SampleMaker(work, spending.meter)) as maker:
            for number, samples in maker.make(affordable, spending.on_prompts):
                progress.advance(0, int(samples["n_tokens"].sum()))
                spending.save()
                if scoring is not None:
                    scoring.sampled(number)

    def _score(
        self, prepared: Prepared, progress: Progress, missing: dict[int, int], work: Work
    ) -> None:
        spending = self._spending(prepared, progress, 0)
        with spending, closing(ScoreMaker(work, spending.meter)) as maker:
            for number in missing:
                prompts = prepared.shard_of_prompts(number)

                def on_share(share: float, size: int = len(prompts)) -> None:
                    progress.advance(share * size)

                maker.make(number, prompts, prepared.shards["samples"].read(number), on_share)
                spending.save()

    def _spending(self, prepared: Prepared, progress: Progress, prompts: int) -> Spending:
        """Return what bounds and records this process's spending.

        Ranks share a manifest, which none of them may write.
        """
        server = prepared.config.server
        if server is not None and server.max_cost is not None and self._world_size > 1:
            raise UserError(
                "--max-cost bounds one process, and ranks do not know what the others spend; "
                "leave it out, or build without --rank"
            )
        run = prepared.run if self._world_size == 1 else None
        return Spending(run, server, progress, prompts)


def _begin(progress: Progress, step: str, to_do: _ToDo) -> None:
    progress.start(step, to_do.total, to_do.total - to_do.left)


def _resolve_precision(precision: Precision) -> Precision:
    from udasa_data.scorers.models import resolve_precision

    return resolve_precision(precision)
