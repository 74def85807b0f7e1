"""The local executor: this process makes the shards, all of them or its slice of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from udasa_data.config import Precision
from udasa_data.errors import UserError
from udasa_data.pipeline.executors.work import SampleMaker, ScoreMaker, work_of
from udasa_data.pipeline.preparation import Prepared
from udasa_data.progress import Progress
from udasa_data.sampling import Spending


class LocalExecutor:
    """Makes first the samples, then the scores, so that the engine is gone before the scorers come.

    Args:
        rank: of ``world_size`` processes that share a run, this is number ``rank``, from 0. It
            makes the shards whose number is ``rank`` modulo ``world_size``: each slice is spread
            over the whole run, so that none has all the long prompts.
        world_size: 1 makes all shards.
        cache: the file of the score cache; None is the user's.
    """

    def __init__(self, rank: int = 0, world_size: int = 1, cache: Path | None = None) -> None:
        self._rank = rank
        self._world_size = world_size
        self._cache = cache

    def make_shards(self, prepared: Prepared, progress: Progress) -> None:
        """See :meth:`udasa_data.pipeline.executors.Executor.make_shards`."""
        with self._step(prepared, progress, "samples") as missing:
            self._sample(prepared, progress, missing)
        with self._step(prepared, progress, "scores") as missing:
            self._score(prepared, progress, missing)

    @contextmanager
    def _step(self, prepared: Prepared, progress: Progress, step: str) -> Iterator[list[int]]:
        """Open a step: yields the shards that this process has to make."""
        of_rank = range(self._rank, prepared.shards[step].count, self._world_size)
        missing = [number for number in prepared.shards[step].missing() if number in of_rank]
        size = {number: len(prepared.shard_of_prompts(number)) for number in of_rank}
        total, to_do = sum(size.values()), sum(size[number] for number in missing)
        progress.start(step, total, total - to_do)
        yield missing
        progress.finish()

    def _sample(self, prepared: Prepared, progress: Progress, missing: list[int]) -> None:
        if not missing:
            return
        shards = [(number, prepared.shard_of_prompts(number)) for number in missing]
        spending = self._spending(prepared, progress, sum(len(prompts) for _, prompts in shards))
        work = work_of(prepared, _resolve_precision, self._cache)
        with spending, closing(SampleMaker(work, spending.meter)) as maker:
            for _, samples in maker.make(spending.affordable(shards), spending.on_prompts):
                progress.advance(0, int(samples["n_tokens"].sum()))
                spending.save()

    def _score(self, prepared: Prepared, progress: Progress, missing: list[int]) -> None:
        if not missing:
            return
        spending = self._spending(prepared, progress, 0)
        work = work_of(prepared, _resolve_precision, self._cache)
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


def _resolve_precision(precision: Precision) -> Precision:
    from udasa_data.scorers.models import resolve_precision

    return resolve_precision(precision)
