"""A finished dataset, read back: a run's, a folder's or a published repository's.

All three are the same folder (``manifest.json`` and ``data/``), so that whatever starts from one
starts from any of them.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from udasa_data.config import read_bytes
from udasa_data.errors import UserError, first_line
from udasa_data.runs.dataset_manifest import MANIFEST, Manifest, read_manifest
from udasa_data.runs.local_copy import local_dataset
from udasa_data.runs.sealing import key_of
from udasa_data.schema import ANSWERS, DROPPED, PAIRS, Stage, empty, require
from udasa_data.storage import (
    commit_of,
    dataset_files,
    did_you_mean,
    plain_file,
    read_parquet,
    reads_as_path,
)


@dataclass(frozen=True)
class Finished:
    """A finished dataset; its tables are read when they are asked for.

    Attributes:
        place: as it was named.
        folder: where its files are.
        commit: of a Hub repository.
        manifest: of the folder.
    """

    place: str
    folder: Path
    commit: str | None
    manifest: Manifest

    @cached_property
    def answers(self) -> pl.DataFrame:
        """All scored answers: ``schema.ANSWERS``, the K of a prompt in contiguous rows."""
        keys = ["run", "prompt_id"]
        table = self._read(["samples"], ANSWERS)
        runs_of_rows = table.select(pl.struct(keys).rle_id().max()).item() or 0
        if len(table) and runs_of_rows + 1 != table.select(keys).unique().height:
            table = table.sort([*keys, "sample_id"])
        return table

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """All pairs, stage after stage."""
        return self._read([str(stage) for stage in Stage], PAIRS)

    @cached_property
    def dropped(self) -> pl.DataFrame:
        """All that was left out."""
        return self._read(["dropped"], DROPPED)

    @property
    def name(self) -> str:
        """What people call it: the directory's name, or the repository's."""
        if self.commit:
            return self.place
        folder = self.folder.resolve()
        return folder.parent.name if folder.name == "dataset" else folder.name

    @property
    def merged(self) -> list[dict[str, Any]]:
        """The runs that were merged into it, by their number in the column ``run``; [] of none."""
        origin: dict[str, Any] = self.manifest.made_from.get("origin", {})
        merged: list[dict[str, Any]] = origin.get("merged", [])
        return merged

    @property
    def scores_key(self) -> str:
        """What the samples and their scores are known by in the keys of what starts from them."""
        keys = self.manifest.made_from.get("keys", {})
        if "scores" in keys:
            return str(keys["scores"])
        return key_of(sorted(self._files(["samples"])))  # names carry the hash of their content

    def _files(self, configs: list[str]) -> list[str]:
        return [path for path, file in self.manifest.files.items() if file.config in configs]

    def _read(self, configs: list[str], schema: pl.Schema) -> pl.DataFrame:
        tables = [empty(schema)]
        for name in self._files(configs):
            # the Hub's cache is made of links
            path = self.folder / name if self.commit else plain_file(self.folder, name)
            try:
                tables.append(require(self._checked(path, name), schema, name))
            except (OSError, pl.exceptions.PolarsError, ValueError) as error:
                raise UserError(
                    f"{path}: cannot be read ({first_line(error)}); a dataset of an earlier "
                    "version is made anew by its build command"
                ) from error
        return pl.concat(tables)

    def _checked(self, path: Path, name: str) -> pl.DataFrame:
        """Read a file whose content is what the manifest says."""
        content = read_bytes(path)
        if hashlib.sha256(content).hexdigest() != self.manifest.files[name].sha256:
            raise ValueError("damaged: not what the manifest says")
        return read_parquet(io.BytesIO(content))


def open_finished(place: str) -> Finished:
    """Open a run directory or dataset folder, here or remote, or a Hub dataset ``ORG/NAME[@REV]``.

    Raises:
        UserError: none of these, an unfinished run, or a repository that cannot be had.
    """
    path = local_dataset(place) if "://" in place else Path(place).expanduser()
    for folder in (path / "dataset", path):
        if (folder / "data").is_dir() and (folder / MANIFEST).is_file():
            return Finished(place, folder, None, read_manifest(folder))
    if path.exists():
        raise UserError(f"{place}: holds no finished run and no dataset (no dataset/{MANIFEST})")
    repo_id, _, revision = place.partition("@")
    if repo_id.count("/") != 1 or reads_as_path(place):
        raise UserError(
            f"{place}: no such directory{did_you_mean(place)}; a Hub dataset reads "
            "ORG/NAME[@REVISION]"
        )
    commit = commit_of(repo_id, revision or "main", "dataset")
    folder = dataset_files(repo_id, commit, [MANIFEST, "data/*"])
    return Finished(place, folder, commit, read_manifest(folder))
