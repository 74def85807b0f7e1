"""The run directory: what is agreed on, written once and atomically, and known by its hash.

    manifest.json    keys, versions, counts, hashes   manifest.copy.json  the same once more
    config.yaml      everything resolved              prompts.parquet
    calibration.json                                  samples/, scores/   see ``shards.py``
    parts/           see ``parts.py``
    pairs.parquet    dropped.parquet                  dataset/
    log.txt          how the steps went               given.jsonl: rows given from Python

A file is there whole or not at all (see :mod:`udasa_data.storage.writing`); what became of it since
is seen by its hash. A shard's name carries the key of all that made it: a stale shard can never be
taken for a fresh one, and two processes that make the same shard at once write the same rows.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import polars as pl

from udasa_data.errors import UserError
from udasa_data.runs.layout import BUILD, COPY, MANIFEST, Layout
from udasa_data.runs.sealing import is_sealed, sealed, unsealed
from udasa_data.storage import (
    LOCK,
    Place,
    Remote,
    claim,
    file_sha256,
    locked,
    names_in,
    parse_json,
    place_of,
    plain_file,
    read_files,
    read_parquet,
    replace_folder,
    write_atomically,
    write_new,
    write_text,
)


class Run:
    """A run directory, on any file system.

    Args:
        root: a path, or an address that fsspec knows.
        layout: what such a directory holds.

    Attributes:
        manifest: what was recorded; {} where nothing was.
        is_kept_twice: whether the manifest and its copy are both there, and say the same.

    Raises:
        UserError: it cannot be reached, or another version wrote it.
    """

    def __init__(self, root: str | Path | Remote, layout: Layout = BUILD) -> None:
        self.root: Place = place_of(root)
        self._layout = layout
        self.manifest: dict[str, Any] = {}
        self.is_kept_twice = False
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

    # -- the manifest ----------------------------------------------------------------------

    def reread(self) -> None:
        """Take the manifest as it is now; its copy where it is damaged, nothing where both are.

        Raises:
            UserError: an earlier version wrote it, or the place cannot be reached.
        """
        manifests = [self._manifest_in(name) for name in (MANIFEST, COPY)]
        self.manifest = next(filter(None, manifests), {})
        self.is_kept_twice = manifests[0] == manifests[1]

    def _manifest_in(self, name: str) -> dict[str, Any]:
        """Return a manifest that is as it was written; {} where there is none."""
        (content,) = read_files([self.root / name])
        try:
            found = parse_json(content or b"")
            if isinstance(found, dict) and self._layout.marks & set(found) and not is_sealed(found):
                raise UserError(
                    f"{self.root}: an earlier version made this {self._layout.holds}, and this one "
                    "cannot resume it; give another --out"
                )
            return unsealed(found)
        except ValueError:
            return {}

    def save_manifest(self, **changes: Any) -> None:
        """Lay ``changes`` over the manifest and write it, after its copy.

        A kill between the two leaves the manifest as it was: what came next is done again.
        """
        self.manifest |= changes
        for name in (COPY, MANIFEST):
            write_text(self.root / name, _as_text(self.manifest))
        self.is_kept_twice = True

    def start_manifest(self, **facts: Any) -> bool:
        """Write the manifest unless there is one; return whether it was this call that did."""
        if not write_new(self.root / MANIFEST, _as_text(facts)):
            return False
        self.manifest = facts
        return True

    def agree(self, name: str, proposal: str, known: Collection[str]) -> str:
        """Return what the processes of a run agree on: the first proposal is everybody's.

        Args:
            name: of the file that holds it.
            proposal: this process's.
            known: what it can be; a file that says anything else is damaged, and written again.
        """
        if write_new(self.root / name, proposal):
            return proposal
        (content,) = read_files([self.root / name])
        agreed = (content or b"").decode(errors="replace")
        if agreed not in known:
            self.write_text(name, proposal)
            return proposal
        return agreed

    # -- whose it is -----------------------------------------------------------------------

    def claim(self) -> None:
        """Refuse to write where somebody else's files are; writes nothing itself.

        Raises:
            UserError: the directory is not empty, and none of ours; or a level of it is a link.
        """
        if isinstance(self.root, Path):
            claim(self.root, self._layout.is_one, self._layout.holds)
            for level in self._layout.levels:
                plain_file(self.root, level)
        elif (names := names_in(self.root)) and not names & {MANIFEST, COPY, LOCK}:
            raise UserError(
                f"{self.root}: is not empty and holds no {self._layout.holds}; nothing was "
                "written. Give another --out"
            )

    def mark(self) -> None:
        """Mark the directory, which was claimed, as one of ours.

        Raises:
            UserError: it cannot be written.
        """
        write_new(self.root / LOCK, self._layout.mark)

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the directory for this process, see :func:`udasa_data.storage.locked`.

        Raises:
            UserError: somebody else's files are there, or another process holds it.
        """
        self.claim()
        self.mark()
        with locked(self.root, shared=shared, tidy=self._layout.tidy):
            yield

    # -- its files -------------------------------------------------------------------------

    def write_text(self, name: str, text: str) -> str:
        """Write a UTF-8 file of the run; return the sha256 (hex) of its bytes."""
        return self._noted(name, write_text(self.root / name, text))

    def write_table(self, name: str, table: pl.DataFrame) -> str:
        """Write a Parquet file of the run; return the sha256 (hex) of its bytes."""
        return self._noted(name, write_atomically(self.root / name, table.write_parquet))

    def write_folder(self, name: str, fill: Callable[[Path], None]) -> None:
        """Have ``fill`` make a folder of the run, in the place of an older one."""
        hashes: dict[str, str] = {}

        def fill_and_hash(folder: Path) -> None:
            fill(folder)
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    hashes[f"{name}/{path.relative_to(folder).as_posix()}"] = file_sha256(path)

        replace_folder(self.root / name, fill_and_hash, self._layout.folders[name])
        others = {
            path: digest for path, digest in self._hashes.items() if not path.startswith(f"{name}/")
        }
        self.manifest["files"] = others | hashes

    def read_table(self, name: str) -> pl.DataFrame:
        """Read a Parquet file of the run.

        Raises:
            UserError: it is not there, or not as it was written.
        """
        (content,) = read_files([self.root / name])
        digest = hashlib.sha256(content or b"").hexdigest()
        if content is not None and self._hashes.get(name, digest) == digest:
            with suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException):
                return read_parquet(io.BytesIO(content))
        what = "missing" if content is None else "damaged"
        raise UserError(
            f"{self.root / name}: is {what}; the command that made the run makes it again"
        )

    def has(self, name: str) -> bool:
        """Return whether the run holds this file."""
        return (self.root / name).exists()

    def is_whole(self, name: str) -> bool:
        """Return whether a file of the run, or all of a folder of it, is as it was written.

        In an object store, which keeps checksums of its own, whether it is there.
        """
        hashes = {
            path: digest
            for path, digest in self._hashes.items()
            if path == name or path.startswith(f"{name}/")
        }
        if not hashes or isinstance(self.root, Remote):
            return bool(hashes) and self.has(name)
        return all(_has_hash(self.root / path, digest) for path, digest in hashes.items())

    @property
    def _hashes(self) -> Mapping[str, str]:
        hashes: dict[str, str] = self.manifest.get("files", {})
        return hashes

    def _noted(self, name: str, digest: str) -> str:
        """Note the hash of a file that stands directly in the run, for the next manifest."""
        if "/" not in name:
            self.manifest["files"] = {**self._hashes, name: digest}
        return digest


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


def _has_hash(path: Path, digest: str) -> bool:
    try:
        return file_sha256(path) == digest
    except OSError:
        return False


def _as_text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(sealed(manifest), indent=2, ensure_ascii=False) + "\n"
