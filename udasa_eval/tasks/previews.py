"""A dataset before it is fetched: whether its parts are there, and whether readers read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError, first_line, nearest
from udasa_data.preflight import Item, Lookups, collected
from udasa_data.prompts import Peeked, peek, read_table
from udasa_data.storage import github_file, scan_parquet
from udasa_eval.tasks.documents import EMBEDDED, missing_file
from udasa_eval.tasks.readers import READERS
from udasa_eval.tasks.rows import MalformedError, Row
from udasa_eval.tasks.sources import DatasetSpec, Part, datasets_known

_FIRST: Final = 8  # rows
_BUILDERS: Final = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}


class DatasetFound(NamedTuple):
    """A dataset as it was found.

    Attributes:
        items: of the report, one a repository or file.
        commits: of its repositories, by ``Part.place``.
        download: bytes that are not on this machine yet, as far as its files are known.
        unread: by reader, why none of its first rows can be read.
    """

    items: tuple[Item, ...]
    commits: Mapping[str, str] = {}
    download: int = 0
    unread: Mapping[str, str] = {}


class _Found(NamedTuple):
    """A part of a dataset: its first rows, and what is known of its files."""

    rows: list[dict[str, Any]]
    commit: str
    licence: str | None = None
    size: int | None = None
    download: int = 0


def look_at_dataset(
    dataset: str, readers: Sequence[str], data_dir: Path | None, lookups: Lookups
) -> DatasetFound:
    """Return what is known of a dataset by its metadata and first rows, and every fault of it.

    Args:
        dataset: name in ``datasets.yaml``.
        readers: names in ``READERS``, of those that will read it.
        data_dir: folder of files; None reads from the network.
        lookups: what the Hub was asked already.
    """
    known = datasets_known()
    faults: list[str] = []
    with collected(faults):
        if dataset not in known:
            raise UserError(f"no dataset '{dataset}'{nearest(dataset, known)}")
        spec = known[dataset]
        if spec.file.startswith(EMBEDDED):
            return DatasetFound((Item(what="dataset", id=spec.file),))
        if data_dir is not None:
            return _of_file(dataset, data_dir, spec, readers)
        return _of_network(spec, readers, lookups)
    return DatasetFound((Item(what="dataset", id=dataset, faults=tuple(faults)),))


def _of_file(
    dataset: str, data_dir: Path, spec: DatasetSpec, readers: Sequence[str]
) -> DatasetFound:
    path = data_dir / spec.file
    if not path.is_file():
        raise missing_file(dataset, data_dir, path)
    try:
        rows = scan_parquet(path).head(_FIRST).collect().to_dicts()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"{path}: not a Parquet file that can be read") from error
    item = Item(what="dataset", id=str(path), bytes=path.stat().st_size)
    return DatasetFound((item,), unread=_unread(rows, readers))


def _of_network(spec: DatasetSpec, readers: Sequence[str], lookups: Lookups) -> DatasetFound:
    faults: dict[str, list[str]] = {}
    found: list[tuple[Part, _Found]] = []
    for part in spec.parts:
        with collected(faults.setdefault(part.place, [])):
            found.append((part, _part(part, lookups)))
    whole = not any(faults.values())
    items = [
        _item(place, lines, [of_part for part, of_part in found if part.place == place])
        for place, lines in faults.items()
    ]
    return DatasetFound(
        tuple(items),
        {part.place: of_part.commit for part, of_part in found},
        sum(of_part.download for _, of_part in found),
        _unread(_joined(spec, [of_part.rows for _, of_part in found]), readers) if whole else {},
    )


def _item(place: str, faults: Sequence[str], parts: Sequence[_Found]) -> Item:
    sizes = [part.size for part in parts if part.size is not None]
    columns = len({name for part in parts for row in part.rows for name in row})
    return Item(
        what="dataset",
        id=place,
        revision=parts[0].commit if parts else None,
        bytes=sum(sizes) if sizes else None,
        licence=parts[0].licence if parts else None,
        detail=f"{columns} columns" if columns else "",
        faults=tuple(dict.fromkeys(faults)),
    )


def _part(part: Part, lookups: Lookups) -> _Found:
    """Return a part's beginning; a file on GitHub, which are small, is fetched.

    Raises:
        UserError: no such repository, part, file or column, no access, or no network.
    """
    if part.github is not None:
        file = github_file(part.github, part.revision, str(part.file), part.sha256)
        rows = read_table(file).table.head(_FIRST).to_dicts()
        return _Found(_named(part, rows), part.revision, None, file.stat().st_size)
    assert part.hub is not None
    listing = lookups.listing(part.hub, part.revision, "dataset")
    commit = str(listing.commit)
    if part.file is not None and part.file not in listing.files:
        raise UserError(f"dataset '{part.hub}' at {commit[:12]}: has no file {part.file}")
    peeked = _peek(part, commit)
    files = [part.file] if part.file else peeked.files
    sizes = {name: listing.files.get(name, 0) for name in files}
    missing = sum(size for name, size in sizes.items() if name in listing.missing)
    rows = _named(part, peeked.rows)
    return _Found(rows, commit, listing.licence, sum(sizes.values()) or None, missing)


def _peek(part: Part, commit: str) -> Peeked:
    asked: dict[str, Any] = {"path": part.hub, "name": part.config, "data_dir": part.data_dir}
    asked["revision"] = commit
    split = part.split or "train"
    if part.file is not None:
        builder = _BUILDERS[Path(part.file).suffix]
        file = f"hf://datasets/{part.hub}@{commit}/{part.file}"
        asked = {"path": builder, "data_files": file}
    try:
        return peek(split, asked)
    except Exception as error:  # datasets raises many kinds, all of them about the repository
        problem = f"{type(error).__name__}: {first_line(error)}"
        raise UserError(f"dataset '{part.hub}' cannot be loaded: {problem}") from error


def _named(part: Part, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the columns that a part is to have."""
    columns = dict.fromkeys(chain.from_iterable(rows))
    if lacking := [name for name in part.rename if name not in columns]:
        raise part.lacks(lacking, columns)
    return [{part.rename.get(k, k): v for k, v in row.items()} | part.add for row in rows]


def _joined(spec: DatasetSpec, parts: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return rows with all columns; of joined parts with the first values, whatever their row."""
    if spec.join is None:
        return [row for rows in parts for row in rows]
    beside = {name: value for rows in parts[:0:-1] for name, value in rows[0].items()}
    return [beside | row for row in parts[0]]


def _unread(rows: Sequence[Row], readers: Sequence[str]) -> dict[str, str]:
    """Return by reader why it reads none of some rows; one that reads any has no entry."""
    columns = ", ".join(dict.fromkeys(chain.from_iterable(rows)))
    unread = {}
    for reader in readers:
        faults = [_fault(reader, row) for row in rows]
        if faults and all(faults):
            unread[reader] = f"{faults[0]} (columns: {columns})"
    return unread


def _fault(reader: str, row: Row) -> str | None:
    try:
        READERS[reader](row)
    except MalformedError as error:
        return str(error)
    return None
