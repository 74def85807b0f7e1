"""The run directory: keys, shards written once and atomically, and the manifest.

    config.yaml      everything resolved          prompts.parquet
    manifest.json    keys, versions, counts       samples/NNNNN-KEY.parquet
    calibration.json                              scores/NNNNN-KEY.parquet
    pairs.parquet    dropped.parquet              dataset/

A file is written under a temporary name and renamed, so it is there whole or not at all. A shard's
name carries the key of all that made it: a stale shard can never be taken for a fresh one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import polars as pl

from udasa_data.errors import UserError

_TEMPORARY: Final = ".tmp-"


def key_of(*parts: object) -> str:
    """Return the sha256 (hex) of JSON-able parts: the key of an artifact made from them."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def code_hash(names: Sequence[str]) -> str:
    """Return the sha256 (hex) of modules and folders of the package: a step's code version.

    The files are read, not imported: a finished run needs no models to be known as finished.
    """
    root = Path(str(files("udasa_data")))
    digest = hashlib.sha256()
    for name in names:
        path = root / name
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.read_bytes())
    return digest.hexdigest()


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a temporary file beside ``path``, then rename it to ``path``.

    Raises:
        UserError: no space left, or no permission to write.
    """
    temporary = path.parent / f"{_TEMPORARY}{os.getpid()}-{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:  # polars wraps some of the system's
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> UserError:
    """Return what a failed write means to the user."""
    full = getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}
    if full or "No space left" in str(error):
        return UserError(
            f"{path.parent}: no space left on the device; free some, then run the same command "
            "again: it goes on from here"
        )
    return UserError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})")


class Run:
    """A run directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifest: dict[str, Any] = {}
        path = root / "manifest.json"
        try:
            if path.is_file():
                self.manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read; give another --out") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process; the lock ends with the process, however it ends.

        Raises:
            UserError: another process builds here, or the directory cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / ".lock").open("w")
        except OSError as error:
            raise UserError(f"{self.root}: cannot be written ({error.strerror})") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(f"{self.root}: another build is running there") from error
            for left_over in self.root.rglob(f"{_TEMPORARY}*"):
                shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
            yield

    def save_manifest(self, **changes: Any) -> None:
        """Lay ``changes`` over the manifest and write it."""
        self.manifest |= changes
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        self.write_text("manifest.json", text)

    def write_text(self, name: str, text: str) -> None:
        """Write a UTF-8 file of the run."""
        write_atomically(self.root / name, lambda path: _write_text(path, text))

    def write_table(self, name: str, table: pl.DataFrame) -> None:
        """Write a Parquet file of the run."""
        write_atomically(self.root / name, table.write_parquet)

    def read_table(self, name: str) -> pl.DataFrame:
        """Read a Parquet file of the run."""
        return pl.read_parquet(self.root / name)

    def has(self, name: str) -> bool:
        """Return whether the run holds this file."""
        return (self.root / name).exists()


class Shards:
    """The shards of one step: a table each, with the rows it set aside beside it."""

    def __init__(self, run: Run, step: str, key: str, count: int) -> None:
        self._run = run
        self._step = step
        self._key = key
        self.count = count

    def missing(self) -> list[int]:
        """Return the numbers of the shards yet to be made."""
        return [n for n in range(self.count) if not self._run.has(self._name(n))]

    def write(self, number: int, table: pl.DataFrame, dropped: pl.DataFrame) -> None:
        """Write a shard; its table last, since that marks it done."""
        self._run.write_table(self._name(number, "dropped."), dropped)
        self._run.write_table(self._name(number), table)

    def read(self, number: int) -> pl.DataFrame:
        """Return the table of a shard."""
        return self._run.read_table(self._name(number))

    def read_all(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return all rows, and all rows set aside, in the order of the shards."""
        tables = [self.read(n) for n in range(self.count)]
        dropped = [self._run.read_table(self._name(n, "dropped.")) for n in range(self.count)]
        return pl.concat(tables), pl.concat(dropped)

    def remove_others(self) -> None:
        """Delete shards of this step that another key made."""
        for path in (self._run.root / self._step).glob("*.parquet"):
            if self._key[:16] not in path.name:
                path.unlink()

    def _name(self, number: int, kind: str = "") -> str:
        return f"{self._step}/{number:05d}-{self._key[:16]}.{kind}parquet"


def replace_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Have ``fill`` make a folder under a temporary name, then put it in ``target``'s place."""
    temporary = target.parent / f"{_TEMPORARY}{os.getpid()}-{target.name}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        if target.exists():
            old = target.parent / f"{_TEMPORARY}{os.getpid()}-old-{target.name}"
            target.replace(old)
            temporary.replace(target)
            shutil.rmtree(old)
        else:
            temporary.replace(target)
    except (OSError, pl.exceptions.PolarsError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise _unwritable(target, error) from error


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


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
