"""The work of any executor: one shard sampled, one shard scored, wherever the worker is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import msgspec
import polars as pl

from udasa_data.config import BuildConfig, Precision, Principle
from udasa_data.engines import Meter, load_engine
from udasa_data.pipeline.preparation import Prepared
from udasa_data.runs import Part, Parts, Run, ShardFacts, Shards
from udasa_data.sampling import Keeping, Sampled, sample_shards
from udasa_data.schema import SAMPLES, require
from udasa_data.scoring import score_shard
from udasa_data.storage import Located

KEEP_EVERY: Final = 120.0  # seconds; what a kill costs of a shard that takes longer


@dataclass(frozen=True)
class Work:
    """What a worker must know to make shards of a run: small, and can be sent to another machine.

    Attributes:
        out: the run directory, as the worker sees it too.
        config: of the build, its engine resolved.
        models: every model of the run, pinned, by id.
        principles: of the judge.
        keys: of the steps.
        count: how many shards a step has.
        precision: of the scorers, resolved.
        cache: the file of the score cache; None is that of the worker's user.
        keep_every: seconds after which answers to a shard that is not whole are kept.
    """

    out: str
    config: BuildConfig
    models: Mapping[str, Located]
    principles: tuple[Principle, ...]
    keys: Mapping[str, str]
    count: int
    precision: Precision
    cache: Path | None = None
    keep_every: float = KEEP_EVERY

    def shards(self, step: str) -> Shards:
        """Return the shards of a step."""
        return Shards(Run(self.out), step, self.keys[step], self.count)


def work_of(
    prepared: Prepared,
    resolve: Callable[[Precision], Precision],
    cache: Path | None = None,
    keep_every: float = KEEP_EVERY,
) -> Work:
    """Return the work of a prepared build.

    Args:
        prepared: the build.
        resolve: finds what the precision ``auto`` is where the scorers will run. The first answer
            counts for all processes of the run, and for those that resume it elsewhere.
        cache: the file of the score cache.
        keep_every: see :class:`Work`.
    """
    proposal = resolve(prepared.config.scoring.precision)
    name = f"scores/{prepared.keys['scores'][:16]}.precision"
    agreed = prepared.run.agree(name, proposal, get_args(Precision))
    return Work(
        out=str(prepared.run.root),
        config=msgspec.structs.replace(
            prepared.config, engine=msgspec.convert(prepared.engine, type=str)
        ),
        models=prepared.models,
        principles=tuple(prepared.principles),
        keys=prepared.keys,
        count=prepared.shards["samples"].count,
        precision=msgspec.convert(agreed, Precision),
        cache=cache,
        keep_every=keep_every,
    )


class SampleMaker:
    """Samples shard after shard with one engine; ``close`` ends it."""

    def __init__(self, work: Work, meter: Meter | None = None) -> None:
        self._work = work
        self._shards = work.shards("samples")
        self._parts = Parts(Run(work.out), work.keys["samples"])
        started = time.monotonic()
        self._engine = load_engine(work.config, work.models[work.config.policy.id], meter)
        self._since = time.monotonic()
        self._loading = self._since - started

    def make(
        self, shards: Iterable[tuple[int, pl.DataFrame]], on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Sample shards, write each as it is complete, and yield its number and samples.

        Prompts of a shard that an earlier start answered before it was killed are not asked again.

        Args:
            shards: number and prompts of each; read only as the engine has room for more.
            on_prompts: called with how many prompts were just finished.
        """
        self._since = time.monotonic()
        prompt_ids: dict[int, pl.Series] = {}  # of the shards that were begun

        def unanswered() -> Iterator[tuple[int, pl.DataFrame]]:
            for number, prompts in shards:
                prompt_ids[number] = prompts["prompt_id"]
                yield number, self._parts.unanswered(number, prompts)

        keeping = Keeping(self._keep, self._work.keep_every)
        config = self._work.config
        for number, drawn in sample_shards(unanswered(), self._engine, config, on_prompts, keeping):
            shard = self._parts.joined(number, self._part(drawn), prompt_ids.pop(number))
            self._shards.write(number, *shard)
            self._parts.remove(number)
            yield number, shard.samples

    def _keep(self, number: int, drawn: Sampled) -> None:
        self._parts.write(number, self._part(drawn))

    def _part(self, drawn: Sampled) -> Part:
        """Return samples with what making them took since the last ones."""
        now = time.monotonic()
        facts = ShardFacts(
            seconds=now - self._since,
            loading=self._loading,
            tokens=int(drawn.samples["n_tokens"].sum()),
            notes=tuple(self._engine.notes),
        )
        self._since, self._loading = now, 0.0
        return Part(drawn.samples, drawn.dropped, facts)

    def close(self) -> None:
        """Give back the engine's memory."""
        self._engine.close()


class ScoreMaker:
    """Scores shard after shard with one set of scorers; ``close`` ends it."""

    def __init__(self, work: Work, meter: Meter | None = None) -> None:
        from udasa_data.scorers.loading import Unread, load_scorers, with_policy

        self._work = work
        self._shards = work.shards("scores")
        self._unread = Unread()
        started = time.monotonic()
        config, models = work.config, work.models
        scorers = load_scorers(config, models, work.precision, self._unread, work.cache)
        policy = models[config.policy.id]
        self._scorers = with_policy(scorers, config, policy, work.principles, self._unread, meter)
        self._loading = time.monotonic() - started

    def make(
        self,
        number: int,
        prompts: pl.DataFrame,
        samples: pl.DataFrame,
        on_share: Callable[[float], None],
    ) -> None:
        """Score the samples of a shard and write it."""
        started = time.monotonic()
        require(samples, SAMPLES, "samples")
        scored = score_shard(prompts, samples, self._scorers, self._work.config.scoring, on_share)
        self._unread.languages(scored.languages, self._work.config)
        facts = ShardFacts(
            seconds=time.monotonic() - started,
            loading=self._loading,
            tokens=int(samples["n_tokens"].sum()),
            counted=self._unread.take(),
        )
        self._loading = 0.0
        self._shards.write(number, scored.scores, scored.dropped, facts)

    def close(self) -> None:
        """Give back the memory of what was asked beside the scorers."""
        self._scorers.close()
