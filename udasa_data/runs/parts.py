"""What is finished of a shard that is not: so a kill costs minutes, however long a shard takes.

parts/NNNNN-KEY.MMM.json  rows and rows set aside of some of a shard's prompts, and their hash

A part is one file, so that it is there whole or not at all. All are deleted once their shard is
written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import polars as pl

from udasa_data.runs.layout import is_part_file
from udasa_data.runs.sealing import sealed, unsealed
from udasa_data.runs.shards import ShardFacts
from udasa_data.runs.store import Run
from udasa_data.schema import DROPPED, SAMPLES
from udasa_data.storage import names_in, parse_json, read_files, remove

FOLDER: Final = "parts"


class Part(NamedTuple):
    """Some of a shard's samples, the rows set aside with them, and what making them took."""

    samples: pl.DataFrame
    dropped: pl.DataFrame
    facts: ShardFacts


class Parts:
    """The parts of the shards of samples.

    Args:
        run: the run directory.
        key: of all that makes the samples.
    """

    def __init__(self, run: Run, key: str) -> None:
        self._run = run
        self._key = key
        self._there: set[str] | None = None  # in an object store, to look takes a request

    def unanswered(self, number: int, prompts: pl.DataFrame) -> pl.DataFrame:
        """Return those of a shard's prompts that no part has; all, should the parts have all."""
        if not (answered := _prompt_ids(self._read(number))):
            return prompts
        rest = prompts.filter(~pl.col("prompt_id").is_in(answered))
        return rest if len(rest) else prompts

    def write(self, number: int, part: Part) -> None:
        """Write one more part of a shard."""
        numbers = [int(name.split(".")[1]) for name in self._names(number)]
        name = f"{self._shard(number)}.{max(numbers, default=-1) + 1:03d}.json"
        rows = {"samples": part.samples.to_dicts(), "dropped": part.dropped.to_dicts()}
        with suppress(ValueError):  # infinity is no JSON: what has it is drawn again
            text = json.dumps(sealed({**rows, "facts": msgspec.to_builtins(part.facts)}))
            self._run.write_text(f"{FOLDER}/{name}", text)
            self._list().add(name)

    def joined(self, number: int, last: Part, prompt_ids: pl.Series) -> Part:
        """Return a whole shard: its parts and what was drawn since, in the order of its prompts.

        Args:
            number: of the shard.
            last: what this process drew, which may be in parts, too.
            prompt_ids: of all the shard's prompts.
        """
        drawn = _prompt_ids([last])
        parts = [_without(part, drawn) for part in self._read(number)]
        order = prompt_ids.to_frame("prompt_id")
        tables = (
            order.join(
                pl.concat([getattr(part, table) for part in (*parts, last)]),
                on="prompt_id",
                maintain_order="left_right",
            )
            for table in ("samples", "dropped")
        )
        samples, dropped = (table.rechunk() for table in tables)
        facts = [part.facts for part in (*parts, last)]
        return Part(samples.select(SAMPLES.names()), dropped.select(DROPPED.names()), _sum(facts))

    def remove(self, number: int) -> None:
        """Delete the parts of a shard."""
        for name in self._names(number):
            remove(self._run.root / FOLDER / name)
            self._list().discard(name)

    def remove_all(self) -> None:
        """Delete the parts of all shards, of other keys, too."""
        folder = self._run.root / FOLDER
        for name in filter(is_part_file, names_in(folder)):
            remove(folder / name)
        if isinstance(folder, Path):
            with suppress(OSError):  # not there, or not empty
                folder.rmdir()

    def _read(self, number: int) -> list[Part]:
        """Return the parts of a shard, each prompt once; a damaged one is as if not there."""
        found: list[Part] = []
        for text in read_files([self._run.root / FOLDER / name for name in self._names(number)]):
            with suppress(ValueError, KeyError, pl.exceptions.PolarsError):
                facts = unsealed(parse_json(text or b""))
                part = Part(
                    pl.DataFrame(facts["samples"], schema=SAMPLES, orient="row"),
                    pl.DataFrame(facts["dropped"], schema=DROPPED, orient="row"),
                    msgspec.convert(facts["facts"], ShardFacts),
                )
                found.append(_without(part, _prompt_ids(found)))
        return found

    def _names(self, number: int) -> list[str]:
        return sorted(name for name in self._list() if name.startswith(f"{self._shard(number)}."))

    def _list(self) -> set[str]:
        """Return what was there when this was first asked, and what was written since."""
        if self._there is None:
            self._there = set(filter(is_part_file, names_in(self._run.root / FOLDER)))
        return self._there

    def _shard(self, number: int) -> str:
        return f"{number:05d}-{self._key[:16]}"


def _prompt_ids(parts: Iterable[Part]) -> set[str]:
    tables = (table for part in parts for table in (part.samples, part.dropped))
    return {prompt_id for table in tables for prompt_id in table["prompt_id"]}


def _without(part: Part, prompt_ids: set[str]) -> Part:
    rest = ~pl.col("prompt_id").is_in(prompt_ids)
    return Part(part.samples.filter(rest), part.dropped.filter(rest), part.facts)


def _sum(facts: Iterable[ShardFacts]) -> ShardFacts:
    several = list(facts)
    return ShardFacts(
        seconds=sum(part.seconds for part in several),
        loading=sum(part.loading for part in several),
        tokens=sum(part.tokens for part in several),
        notes=tuple(dict.fromkeys(note for part in several for note in part.notes)),
    )
