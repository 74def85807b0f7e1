"""The shards of a step: three files each, whole or not there, and checked before they are read.

NNNNN-KEY.parquet          the table
NNNNN-KEY.dropped.parquet  the rows it set aside
NNNNN-KEY.json             what making it took, and the hashes of the other two; written last
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec
import polars as pl

from udasa_data.runs.sealing import sealed, unsealed
from udasa_data.runs.store import Run
from udasa_data.storage import Place, names_in, parse_json, read_files, read_parquet, remove

_KINDS: Final = ("parquet", "dropped.parquet", "json")
_OF_A_STEP: Final = re.compile(
    r"\d{5,}-([0-9a-f]{16})\.(?:dropped\.parquet|parquet|json)|([0-9a-f]{16})\.precision"
)
Tables: TypeAlias = tuple[pl.DataFrame, pl.DataFrame]


class ShardFacts(msgspec.Struct, frozen=True):
    """What making a shard took and met."""

    seconds: float = 0.0
    loading: float = 0.0  # seconds before it in which its worker loaded models
    tokens: int = 0
    notes: tuple[str, ...] = ()
    counted: dict[str, int] = {}  # a note with "{n}" in it → its number in this shard


class DamagedShardError(Exception):
    """A shard that is not as it was written; it is removed, and can be made again."""

    def __init__(self, step: str, number: int) -> None:
        super().__init__(f"shard {number} of {step} is damaged")
        self.step = step
        self.number = number


class Shards:
    """The shards of one step.

    Args:
        run: the run directory.
        step: samples or scores.
        key: of all that makes them.
        count: how many there are when all are made.
    """

    def __init__(self, run: Run, step: str, key: str, count: int) -> None:
        self._run = run
        self._step = step
        self._key = key
        self.count = count

    def missing(self) -> list[int]:
        """Return the numbers of the shards yet to be made."""
        there = names_in(self._run.root / self._step)
        return [n for n in range(self.count) if not self._names(n) <= there]

    def write(
        self,
        number: int,
        table: pl.DataFrame,
        dropped: pl.DataFrame,
        facts: ShardFacts | None = None,
    ) -> None:
        """Write a shard; its facts last, since they mark it as made."""
        files = {
            kind: self._run.write_table(f"{self._step}/{self._name(number, kind)}", rows)
            for kind, rows in (("dropped.parquet", dropped), ("parquet", table))
        }
        made = {"facts": msgspec.to_builtins(facts or ShardFacts()), "files": files}
        text = json.dumps(sealed(made))
        self._run.write_text(f"{self._step}/{self._name(number, 'json')}", text)

    def read(self, number: int) -> pl.DataFrame:
        """Return the table of a shard.

        Raises:
            DamagedShardError: it is not as it was written.
        """
        ((table, _),) = self._tables([number])
        return table

    def read_all(self) -> Tables:
        """Return all rows, and all rows set aside, in the order of the shards.

        Raises:
            DamagedShardError: a shard is not as it was written.
        """
        return self.read_some(range(self.count))

    def read_some(self, numbers: Sequence[int]) -> Tables:
        """Return the rows of some shards, one or more, and the rows that they set aside.

        Raises:
            DamagedShardError: a shard is not as it was written.
        """
        found = list(self._tables(numbers))
        return pl.concat(table for table, _ in found), pl.concat(dropped for _, dropped in found)

    def facts(self) -> list[ShardFacts]:
        """Return what making each shard took, in the order of the shards.

        Raises:
            DamagedShardError: what is written of a shard is damaged.
        """
        files = [self._place(number, "json") for number in range(self.count)]
        return [self._facts_of(number, text)[0] for number, text in enumerate(read_files(files))]

    def remove(self, number: int) -> None:
        """Delete a shard, so that it is missing; its facts first."""
        for kind in reversed(_KINDS):
            remove(self._place(number, kind))

    def remove_others(self) -> None:
        """Delete what another key made of this step: shards, and what they were agreed on."""
        folder = self._run.root / self._step
        for name in names_in(folder):
            found = _OF_A_STEP.fullmatch(name)
            if found and self._key[:16] not in found.groups():
                remove(folder / name)

    def _tables(self, numbers: Sequence[int]) -> Iterator[Tables]:
        files = [self._place(number, kind) for number in numbers for kind in _KINDS]
        contents = iter(read_files(files))
        for number, table, dropped, facts in zip(
            numbers, contents, contents, contents, strict=True
        ):
            _, hashes = self._facts_of(number, facts)
            whole = (_is(table, hashes.get("parquet")), _is(dropped, hashes.get("dropped.parquet")))
            if not all(whole):
                raise DamagedShardError(self._step, number)
            assert table is not None
            assert dropped is not None
            yield read_parquet(io.BytesIO(table)), read_parquet(io.BytesIO(dropped))

    def _facts_of(self, number: int, text: bytes | None) -> tuple[ShardFacts, dict[str, str]]:
        try:
            found = unsealed(parse_json(text or b""))
            hashes = msgspec.convert(found["files"], dict[str, str])
            return msgspec.convert(found["facts"], ShardFacts), hashes
        except (ValueError, KeyError) as error:  # msgspec's errors are ValueErrors
            raise DamagedShardError(self._step, number) from error

    def _place(self, number: int, kind: str) -> Place:
        return self._run.root / self._step / self._name(number, kind)

    def _names(self, number: int) -> set[str]:
        return {self._name(number, kind) for kind in _KINDS}

    def _name(self, number: int, kind: str) -> str:
        return f"{number:05d}-{self._key[:16]}.{kind}"


def _is(content: bytes | None, sha256: str | None) -> bool:
    return content is not None and hashlib.sha256(content).hexdigest() == sha256
