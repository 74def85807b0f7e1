"""The run directory: keys, shards written once and atomically, and the manifest.

    config.yaml      everything resolved          prompts.parquet
    manifest.json    keys, versions, counts       samples/NNNNN-KEY.parquet
    calibration.json                              scores/NNNNN-KEY.parquet
    pairs.parquet    dropped.parquet              dataset/

A file is there whole or not at all (see :mod:`udasa_data.storage.places`). A shard's name carries the key
of all that made it: a stale shard can never be taken for a fresh one, and two processes that make
the same shard at once write the same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage import Remote
from udasa_data.storage import Place, locked, names_in, place_of, read_metadata, read_tables, remove, replace_folder, write_atomically, write_new, write_text

_FACTS: Final = "udasa.shard"  # the key in a shard file's metadata


def key_of(*parts: object) -> str:
    """Return the sha256 (hex) of JSON-able parts: the key of an artifact made from them."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Run:
    """A run directory, on any file system."""

    def __init__(self, root: str | Path | Remote) -> None:
        self.root: Place = place_of(root)
        self.manifest: dict[str, Any] = {}
        self.reread()

    @property
    def folder(self) -> Path:
        """The directory, for steps that need one on this machine.

        Raises:
            UserError: it is elsewhere.
        """
        if not isinstance(self.root, Path):
            raise UserError(f"{self.root}: must be a folder on this machine here")
        return self.root

    def reread(self) -> None:
        """Take the manifest as it is now.

        Raises:
            UserError: it is damaged, or the place cannot be reached.
        """
        path = self.root / "manifest.json"
        try:
            self.manifest = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            self.manifest = {}
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read; give another --out") from error

    def locked(self, *, shared: bool = False) -> AbstractContextManager[None]:
        """Hold the directory for this process, see :func:`udasa_data.storage.places.locked`."""
        return locked(self.root, shared=shared)

    def save_manifest(self, **changes: Any) -> None:
        """Lay ``changes`` over the manifest and write it."""
        self.manifest |= changes
        self.write_text("manifest.json", _json(self.manifest))

    def start_manifest(self, **facts: Any) -> bool:
        """Write the manifest unless there is one; return whether it was this call that did."""
        if not write_new(self.root / "manifest.json", _json(facts)):
            return False
        self.manifest = facts
        return True

    def agree(self, name: str, proposal: str) -> str:
        """Return what the processes of a run agree on: the first proposal is everybody's."""
        if write_new(self.root / name, proposal):
            return proposal
        return (self.root / name).read_bytes().decode()

    def write_text(self, name: str, text: str) -> None:
        """Write a UTF-8 file of the run."""
        write_text(self.root / name, text)

    def write_table(
        self, name: str, table: pl.DataFrame, metadata: dict[str, str] | None = None
    ) -> None:
        """Write a Parquet file of the run."""
        write_atomically(
            self.root / name, lambda path: table.write_parquet(path, metadata=metadata)
        )

    def write_folder(self, name: str, fill: Callable[[Path], None]) -> None:
        """Have ``fill`` make a folder of the run, in the place of an older one."""
        replace_folder(self.root / name, fill)

    def read_table(self, name: str) -> pl.DataFrame:
        """Read a Parquet file of the run."""
        return read_tables([self.root / name])[0]

    def has(self, name: str) -> bool:
        """Return whether the run holds this file."""
        return (self.root / name).exists()


class ShardFacts(msgspec.Struct, frozen=True):
    """What making a shard took and met; kept in the metadata of its file."""

    seconds: float = 0.0
    loading: float = 0.0  # seconds before it in which its worker loaded models
    tokens: int = 0
    notes: tuple[str, ...] = ()
    counted: dict[str, int] = {}  # a note with "{n}" in it → its number in this shard


class Shards:
    """The shards of one step: a table each, with the rows it set aside beside it."""

    def __init__(self, run: Run, step: str, key: str, count: int) -> None:
        self._run = run
        self._step = step
        self._key = key
        self.count = count

    def missing(self) -> list[int]:
        """Return the numbers of the shards yet to be made."""
        there = names_in(self._run.root / self._step)
        return [n for n in range(self.count) if self._name(n).rpartition("/")[2] not in there]

    def write(
        self,
        number: int,
        table: pl.DataFrame,
        dropped: pl.DataFrame,
        facts: ShardFacts | None = None,
    ) -> None:
        """Write a shard; its table last, since that marks it done."""
        self._run.write_table(self._name(number, "dropped."), dropped)
        told = msgspec.json.encode(facts or ShardFacts()).decode()
        self._run.write_table(self._name(number), table, {_FACTS: told})

    def read(self, number: int) -> pl.DataFrame:
        """Return the table of a shard."""
        return self._run.read_table(self._name(number))

    def read_all(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return all rows, and all rows set aside, in the order of the shards."""
        tables, dropped = (
            read_tables([self._run.root / self._name(n, kind) for n in range(self.count)])
            for kind in ("", "dropped.")
        )
        return pl.concat(tables), pl.concat(dropped)

    def facts(self) -> list[ShardFacts]:
        """Return what making each shard took, in the order of the shards."""
        files = [self._run.root / self._name(n) for n in range(self.count)]
        return [
            msgspec.json.decode(metadata.get(_FACTS, "{}"), type=ShardFacts)
            for metadata in read_metadata(files)
        ]

    def remove_others(self) -> None:
        """Delete shards of this step that another key made."""
        folder = self._run.root / self._step
        for name in names_in(folder):
            if self._key[:16] not in name:
                remove(folder / name)

    def _name(self, number: int, kind: str = "") -> str:
        return f"{self._step}/{number:05d}-{self._key[:16]}.{kind}parquet"


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return, in words, what differs between two flat mappings: ``name (old → new)``."""
    return [
        f"{name} ({_short(old.get(name))} → {_short(value)})"
        for name, value in new.items()
        if old.get(name) != value
    ]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _json(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
