"""The rows of a source, each with its prompt's cell and the cells beside it that are ours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from udasa_data.config import EMBEDDED
from udasa_data.errors import UserError
from udasa_data.prompts.cells import root_of
from udasa_data.prompts.columns import PROMPT_COLUMNS, choose_columns, spelt_otherwise
from udasa_data.prompts.files import DataFile, data_file, files_of, passed_over
from udasa_data.prompts.formats import TABLES
from udasa_data.prompts.hub_rows import load_hub
from udasa_data.prompts.row_files import read_columns, text_rows
from udasa_data.prompts.rows import Row
from udasa_data.prompts.side_columns import SIDE_COLUMNS
from udasa_data.prompts.sources import Source
from udasa_data.storage import file_sha256

_OURS = ("prompt_id", "sample_id")  # columns of a dataset of ours, with one row an answer
_Rows: TypeAlias = list[tuple[str, dict[str, Any]]]


class SourceRows(NamedTuple):
    """The rows of a source in their order, and what of its columns was not read, and why."""

    rows: list[Row]
    notes: tuple[str, ...]


def read_rows(source: Source, commit: str = "main") -> SourceRows:
    """Return the rows of a source, in its order; of a dataset of ours, one a prompt.

    Args:
        source: where to read.
        commit: the commit at which a Hub dataset is read; ignored for files.

    Raises:
        UserError: unreadable, malformed, not UTF-8, empty, or without a prompt column.
    """
    chosen = _files(source) if source.is_local else []
    names, rows = _read_files(source, chosen) if chosen else _read_hub(source, commit)
    unread = passed_over(source.place, chosen)
    if not rows and not names:
        raise UserError(f"{source.place}: holds no rows; give a file with at least one prompt")
    if other := spelt_otherwise(names, source.column):
        names = [other.get(name, name) for name in names]
        rows = [(at, {other.get(key, key): cell for key, cell in row.items()}) for at, row in rows]
    cells = [row for _, row in rows]
    columns = choose_columns(source.place, cells, names, source.column)
    if not rows:
        raise UserError(f"{source.place}: holds no rows; give a file with at least one prompt")
    side = [name for name in columns.side if not (name == "axis" and source.axis)]
    found = []
    for where, row in _one_a_prompt(rows, names):
        name, cell = columns.cell(row)
        beside = {key: row.get(key) for key in side}
        found.append(Row(f"{source.name} {where}", name, cell, beside))
    notes = [note for note in columns.notes if not (source.axis and "axis" in note)]
    if unread:
        notes.append(_passed_over(source, unread))
    return SourceRows(found, tuple(f"{source.name}: {note}" for note in notes))


def _passed_over(source: Source, unread: Sequence[str]) -> str:
    pattern = f"'{source.place}/**/*{Path(unread[0]).suffix}'"
    return f"of its folders nothing is read ({len(unread):,} files, as {unread[0]}): {pattern} does"


def source_digest(source: Source) -> str | None:
    """Return a digest of the files of a local source; None where one is not on this machine.

    Names count, since rows are called by them.
    """
    digest = hashlib.sha256()
    with suppress(OSError, UserError):  # told when it is read
        for file in _files(source):
            if not isinstance(file.place, Path):
                return None
            digest.update(f"{file.label}\0{file.kind}\0{file_sha256(file.place)}\0".encode())
        return digest.hexdigest()
    return None


def _read_files(source: Source, chosen: Sequence[DataFile]) -> tuple[list[str], _Rows]:
    names: dict[str, None] = {}
    rows: _Rows = []
    for file in chosen:
        found, read = _read_file(file, source)
        names |= dict.fromkeys(found)
        rows += [(f"{file.label} {where}".lstrip(), row) for where, row in read]
    return list(names), rows


def _files(source: Source) -> list[DataFile]:
    if source.place.startswith(EMBEDDED):
        name = f"{source.place.removeprefix(EMBEDDED)}.jsonl"
        return [data_file(Path(str(files("udasa_data").joinpath("tiny", name))))]
    return files_of(source.place, source.config, source.split)


def _read_file(file: DataFile, source: Source) -> tuple[list[str], _Rows]:
    if file.kind in TABLES:
        found = read_columns(file, lambda name: _is_read(name, source))
        rows = [(f"row {n}", row) for n, row in enumerate(found.table.to_dicts(), 1)]
        return found.columns, rows
    rows = text_rows(file)
    return list(dict.fromkeys(column for _, row in rows for column in row)), rows


def _is_read(name: str, source: Source) -> bool:
    named = {source.column, root_of(source.column)} if source.column else set()
    return name in named or name.strip().casefold() in {*PROMPT_COLUMNS, *SIDE_COLUMNS, *_OURS}


def _read_hub(source: Source, commit: str) -> tuple[list[str], _Rows]:
    table = load_hub(source.place, source.config, source.split, commit)
    names = list(table.column_names)
    # pictures and sounds would be decoded for nothing, and need packages of their own
    read = table.select_columns([name for name in names if _is_read(name, source)])
    return names, [(f"row {n}", dict(row)) for n, row in enumerate(read, 1)]


def _one_a_prompt(rows: _Rows, names: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows; of answers of ours to one prompt the first."""
    seen: set[object] = set()
    for where, row in rows:
        if set(_OURS) <= set(names) and isinstance(key := row.get("prompt_id"), str):
            if key in seen:
                continue
            seen.add(key)
        yield where, row
