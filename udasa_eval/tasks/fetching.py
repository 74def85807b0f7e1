"""Filling a folder of datasets from the network, for evaluations without one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from udasa_data.config import read_bytes
from udasa_data.errors import UserError, nearest
from udasa_data.storage import (
    parquet_schema,
    parse_json,
    plain_file,
    remove_left_over_of,
    scan_parquet,
    write_atomically,
    write_text,
)
from udasa_eval.tasks.documents import EMBEDDED, ORIGIN
from udasa_eval.tasks.sources import DatasetSpec, Loaded, datasets_known, from_sources


class Fetched(NamedTuple):
    """A dataset in the folder: its rows, its commit, and whether it was there already.

    ``missing`` says why one is not there.
    """

    name: str
    path: Path
    rows: int = 0
    revision: str | None = None
    was_there: bool = False
    missing: str | None = None


def fetch(
    data_dir: Path,
    names: Sequence[str] | None = None,
    *,
    known: Mapping[str, DatasetSpec] | None = None,
    commits: Mapping[str, str] | None = None,
    tell: Callable[[Fetched], None] = lambda _fetched: None,
) -> list[Fetched]:
    """Write datasets of the suites to their places under a folder; those there are left alone.

    Beside each file stands which commit of which repository it is. Killed, the same call resumes.
    One that cannot be had does not keep the others from being fetched.

    Args:
        data_dir: the folder, made if missing.
        names: of ``datasets.yaml``; None takes all.
        known: the datasets; None those of ``datasets.yaml``.
        commits: of Hub repositories; those not named are looked up.
        tell: called with each dataset, fetched or not.

    Raises:
        UserError: an unknown name; or something that is not ours has the name of a file that would
            be written: nothing is then.
    """
    specs = dict(known or datasets_known())
    chosen = list(names or [name for name, spec in specs.items() if spec.parts])
    for name in chosen:
        if name not in specs or specs[name].file.startswith(EMBEDDED):
            fetchable = [key for key, spec in specs.items() if spec.parts]
            raise UserError(f"no dataset '{name}' to fetch{nearest(name, fetchable)}")
    for name in chosen:
        _refuse_foreign(data_dir, specs[name])
    return [_fetch(name, specs[name], data_dir, commits or {}, tell) for name in chosen]


def _refuse_foreign(data_dir: Path, spec: DatasetSpec) -> None:
    """Refuse what is in the way of a dataset's file and of its origin.

    Raises:
        UserError: names it.
    """
    path = data_dir / spec.file
    if path.is_file():  # whoever put it there: it is read, and left alone
        try:
            parquet_schema(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise UserError(f"{path}: is there and is no Parquet file; move it") from error
        return
    plain_file(data_dir, spec.file)
    for file, is_ours in ((path, lambda _: False), (path.with_suffix(ORIGIN), _is_origin)):
        if file.is_symlink() or (file.exists() and not is_ours(file)):
            raise UserError(f"{file}: is there and was not fetched; nothing was written. Move it")


def _is_origin(file: Path) -> bool:
    """Return whether a killed fetch may have left this."""
    try:
        return set(parse_json(read_bytes(file))) == {"id", "revision"}
    except (OSError, TypeError, ValueError):
        return False


def _fetch(
    name: str,
    spec: DatasetSpec,
    data_dir: Path,
    commits: Mapping[str, str],
    tell: Callable[[Fetched], None],
) -> Fetched:
    path = data_dir / spec.file
    if path.is_file():
        rows = scan_parquet(path).select(pl.len()).collect().item()
        fetched = Fetched(name, path, int(rows), was_there=True)
    else:
        try:
            fetched = _put(name, path, from_sources(spec, commits))
        except UserError as error:
            fetched = Fetched(name, path, missing=str(error))
    tell(fetched)
    return fetched


def _put(name: str, path: Path, loaded: Loaded) -> Fetched:
    origin = {"id": loaded.pinned.id, "revision": loaded.pinned.revision}
    text = json.dumps(origin, indent=2) + "\n"
    # the rows last: a file that is there has its origin beside it
    remove_left_over_of(path, path.with_suffix(ORIGIN))
    write_text(path.with_suffix(ORIGIN), text)
    write_atomically(path, loaded.rows.write_parquet)
    return Fetched(name, path, len(loaded.rows), loaded.pinned.revision)
