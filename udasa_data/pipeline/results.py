"""What a build, a slice of one and a dry run give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.prompts import SPLITS, LeftOut, splits_of, with_split
from udasa_data.runs import Finished, Loadable, Summary, open_finished
from udasa_data.storage import Place


@dataclass(frozen=True)
class BuildResult:
    """A finished build.

    Attributes:
        out: the run directory.
        folder: the Hub-shaped dataset folder in it.
        summary: counts, costs and notes.
        reused: nothing had to be done.
        loads: a configuration and split of the dataset that has rows; None where none has.
    """

    out: Place
    folder: Place
    summary: Summary
    reused: bool
    loads: Loadable | None

    def __repr__(self) -> str:
        counts = self.summary.counts
        stages = ", ".join(f"{stage.pairs:,} {name}" for name, stage in counts.stages.items())
        return (
            f"BuildResult({str(self.out)!r}: {counts.prompts:,} prompts, {counts.samples:,} "
            f"answers, {counts.pairs:,} pairs: {stages})"
        )

    def pairs(self) -> pl.DataFrame:
        """Return the staged pairs, ``schema.PAIRS``."""
        return self._finished().pairs

    def samples(self) -> pl.DataFrame:
        """Return every answer with its scores, ``schema.ANSWERS``."""
        return self._finished().answers

    def dropped(self) -> pl.DataFrame:
        """Return all that was left out, with its reason, ``schema.DROPPED``."""
        return self._finished().dropped

    def dataset(self) -> Any:
        """Return the pairs as a ``datasets.DatasetDict``, as ``datasets`` loads them of the Hub.

        Its splits are ``train`` and ``test`` (the held-out prompts), those of them that have rows.
        """
        from datasets import Dataset, DatasetDict

        finished = self._finished()
        splits = splits_of(finished.pairs["prompt_id"], finished.manifest.held_out)
        table = with_split(finished.pairs, splits)
        parts = {name: table.filter(pl.col("split") == name).drop("split") for name in SPLITS}
        return DatasetDict(
            {name: Dataset.from_polars(part) for name, part in parts.items() if len(part)}
        )

    def _finished(self) -> Finished:
        return open_finished(str(self.folder))


@dataclass(frozen=True)
class SliceResult:
    """A finished slice of a build.

    Attributes:
        out: the run directory.
        rank: which slice.
        world_size: of how many.
        shards: how many shards it has, all of them there.
        all_shards: how many shards the build has.
    """

    out: Place
    rank: int
    world_size: int
    shards: int
    all_shards: int


@dataclass(frozen=True)
class Preview:
    """What a build would do, as ``--dry-run`` shows it."""

    config: BuildConfig
    prompts: int
    left_out: tuple[LeftOut, ...]  # rows of the sources, by reason
    shards: dict[str, tuple[int, int]]  # step → (there already, all)
    axes: dict[str, int]  # axis → its prompts
    notes: tuple[str, ...] = ()
