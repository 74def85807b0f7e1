"""The local executor: this process makes the shards, all of them or its slice of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from udasa_data.config import Precision
from udasa_data.errors import UserError
from udasa_data.pipeline.executors.work import KEEP_EVERY, SampleMaker, ScoreMaker, work_of
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
        keep_every: seconds after which answers to a shard that is not whole are kept.
    """

    def __init__(
        self,
        rank: int = 0,
        world_size: int = 1,
        cache: Path | None = None,
        keep_every: float = KEEP_EVERY,
    ) -> None:
        self._rank = rank
        self._world_size = world_size
        self._cache = cache
        self._keep_every = keep_every

    def make_shards(self, prepared: Prepared, progress: Progress) -> None:
        """See :meth:`udasa_data.pipeline.executors.Executor.make_shards`."""
        with self._step(prepared, progress, "samples") as missing:
            self._sample(prepared, progress, missing)
        with self._step(prepared, progress, "scores") as missing:
            self._score(prepared, progress, missing)

    @contextmanager
    def _step(self, prepared: Prepared, progress: Progress, step: str) -> Iterator[dict[int, int]]:
        """Open a step: yields the shards that this process has to make, and their prompts to do."""
        of_rank = range(self._rank, prepared.shards[step].count, self._world_size)
        missing = [number for number in prepared.shards[step].missing() if number in of_rank]
        total = sum(len(prepared.shard_of_prompts(number)) for number in of_rank)
        prompts = {number: prepared.shard_of_prompts(number) for number in missing}
        if step == "samples":
            prompts = {
                number: prepared.parts.unanswered(number, prompts[number]) for number in prompts
            }
        to_do = {number: len(rest) for number, rest in prompts.items()}
        progress.start(step, total, total - sum(to_do.values()))
        yield to_do
        progress.finish()

    def _sample(self, prepared: Prepared, progress: Progress, to_do: dict[int, int]) -> None:
        if not to_do:
            return
        shards = [(number, prepared.shard_of_prompts(number)) for number in to_do]
        spending = self._spending(prepared, progress, sum(to_do.values()))
        work = work_of(prepared, _resolve_precision, self._cache, self._keep_every)
        affordable = spending.affordable(shards, to_do)
        with spending, closing(SampleMaker(work, spending.meter)) as maker:
            for _, samples in maker.make(affordable, spending.on_prompts):
                progress.advance(0, int(samples["n_tokens"].sum()))
                spending.save()

    def _score(self, prepared: Prepared, progress: Progress, missing: dict[int, int]) -> None:
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
