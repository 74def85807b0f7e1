"""Files of rows as tables, with every column that they have."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError, first_line
from udasa_data.prompts.files import DataFile, files_of
from udasa_data.prompts.formats import TABLES
from udasa_data.prompts.hub_rows import load_hub
from udasa_data.prompts.row_files import REFUSED, read_columns, text_rows
from udasa_data.prompts.sources import Source, file_source
from udasa_data.prompts.storable import as_text, is_missing, unstorable, whole
from udasa_data.storage import commit_of

_KINDS: Final = {int: "number", float: "number", str: "string", bool: "boolean", dict: "object"}
_Rows = Sequence[tuple[str, dict[str, Any]]]


class FileTable(NamedTuple):
    """A file as it is.

    Attributes:
        table: its rows, with all its columns in their order.
        places: where each row stands: ``line 7``, ``row 3``, of several files ``a.csv line 7``.
        notes: what could not be held as it was.
    """

    table: pl.DataFrame
    places: list[str]
    notes: list[str]


def read_table(place: Path | Source, typed: Collection[str] = ()) -> FileTable:
    """Read files of rows whole: all columns of all rows.

    Cells of a CSV file are strings. A JSON Lines file may leave keys out. A column whose values no
    table can hold together is text, of JSON.

    Args:
        place: a file, or any place that prompts are read from.
        typed: columns that must hold one kind of value (numbers with and without a fraction are
            one), and are never turned into text.

    Raises:
        UserError: unreadable, malformed, not UTF-8, without rows, or a typed column of mixed kinds.
    """
    source = place if isinstance(place, Source) else file_source(place)
    if _is_on_hub(place):
        table = _of_hub(source)
        found = FileTable(table, _row_places("", table), [])
    else:
        files = files_of(source.place, source.config, source.split)
        if files[0].kind == "txt":
            raise UserError(f"{place}: lines of text have no columns; give a .jsonl or .csv file")
        read = _joined_columns if files[0].kind in TABLES else _joined_rows
        found = read(source, files, typed)
    if found.table.is_empty():
        raise UserError(f"{place}: holds no rows")
    return found


def digest_of(place: Path | Source) -> str:
    """Return the sha256 (hex) of what a place holds, or the commit of a Hub dataset.

    Raises:
        UserError: nothing is there, or it cannot be read.
    """
    source = place if isinstance(place, Source) else file_source(place)
    if _is_on_hub(place):
        return commit_of(source.place, "main", "dataset")
    files = files_of(source.place, source.config, source.split)
    digests = [hashlib.sha256(file.content()).hexdigest() for file in files]
    return digests[0] if len(files) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _is_on_hub(place: Path | Source) -> bool:
    return isinstance(place, Source) and not place.is_local  # a path is one, there or not


def _of_hub(source: Source) -> pl.DataFrame:
    commit = commit_of(source.place, "main", "dataset")
    table = load_hub(source.place, source.config, source.split, commit)
    found: pl.DataFrame = table.to_polars()
    return found


def _row_places(label: str, table: pl.DataFrame) -> list[str]:
    return [f"{label} row {n}".lstrip() for n in range(1, len(table) + 1)]


def _joined_columns(path: Source, files: Sequence[DataFile], typed: Collection[str]) -> FileTable:
    """Join files of typed columns; a column that one of them lacks is null there."""
    del typed  # they have their types
    tables = [read_columns(file).table for file in files]
    places = [
        place
        for file, table in zip(files, tables, strict=True)
        for place in _row_places(file.label, table)
    ]
    try:
        table = pl.concat(tables, how="diagonal_relaxed") if len(tables) > 1 else tables[0]
    except REFUSED as error:
        raise UserError(f"{path}: its files do not fit together ({first_line(error)})") from error
    return FileTable(table, places, [])


def _joined_rows(path: Source, files: Sequence[DataFile], typed: Collection[str]) -> FileTable:
    rows = [
        (f"{file.label} {where}".lstrip(), row) for file in files for where, row in text_rows(file)
    ]
    return _as_table(path, rows, typed)


def _as_table(path: Source, rows: _Rows, typed: Collection[str]) -> FileTable:
    columns: dict[str, pl.Series] = {}
    notes = []
    for name in dict.fromkeys(name for _, row in rows for name in row):
        key = whole(name)
        if name in typed:
            _refuse_what_is_not_typed(path, rows, name)
        values = [row.get(name) for _, row in rows]
        halves = [isinstance(v, str) and whole(v) != v for v in values]
        if any(halves):
            values = [whole(v) if isinstance(v, str) else v for v in values]
            notes.append(
                f"column {key!r}: {sum(halves):,} of its texts held half a character; "
                "U+FFFD stands for it"
            )
        column = _column(key, values)
        if column is None:
            column = _texts(path, rows, name)
            notes.append(f"column {key!r}: no one type holds its values; carried over as JSON text")
        columns[key] = column
    return FileTable(pl.DataFrame(columns), [where for where, _ in rows], notes)


def _refuse_what_is_not_typed(path: Source, rows: _Rows, name: str) -> None:
    """Raise a UserError at the first cell of another kind than those above it in its column."""
    first: tuple[str, str] | None = None
    for where, row in rows:
        cell = row.get(name)
        if is_missing(cell):
            continue
        problem = None if isinstance(cell, str) else unstorable(cell)
        kind = _KINDS.get(type(cell), "list")
        if first and kind != first[0]:
            problem = f"a {kind}, but a {first[0]} in {first[1]}; one kind of value is needed"
        if problem:
            raise UserError(f"{path}, {where}, column {name!a}: {problem}")
        first = first or (kind, where)


def _column(name: str, values: list[Any]) -> pl.Series | None:
    """Return values as a column of one type, None where there is none that holds them all."""
    if any(unstorable(value) for value in values):
        return None
    kinds = {_KINDS.get(type(value), "list") for value in values if not is_missing(value)}
    if len(kinds) > 1:
        return None
    if kinds and "number" not in kinds:
        values = [None if is_missing(value) else value for value in values]
    try:
        table = pl.DataFrame([{name: value} for value in values], infer_schema_length=None)
    except REFUSED:
        return None
    column = table[name]
    if column.dtype.is_nested():
        if _has_no_fields(column.dtype):
            return None
        held = column.to_list()
        if not all(_same(a, b) for a, b in zip(held, values, strict=True)):
            return None
    return column


def _has_no_fields(dtype: pl.DataType) -> bool:
    """Return whether an object without keys is in a type: Parquet has none."""
    if isinstance(dtype, pl.Struct):
        inner = [field.dtype for field in dtype.fields]
        return not inner or any(_has_no_fields(part) for part in inner)  # type: ignore[arg-type]
    return isinstance(dtype, pl.List) and _has_no_fields(dtype.inner)  # type: ignore[arg-type]


def _same(held: object, value: object) -> bool:
    """Return whether a table holds a nested value as it was, but for keys that are null."""
    if isinstance(held, dict) and isinstance(value, dict):
        return all(_same(held.get(key), value.get(key)) for key in {*held, *value})
    if isinstance(held, list) and isinstance(value, list):
        return len(held) == len(value) and all(map(_same, held, value))
    return held == value or (held != held and value != value)  # noqa: PLR0124 - NaN is NaN


def _texts(path: Source, rows: _Rows, name: str) -> pl.Series:
    texts = []
    for where, row in rows:
        try:
            texts.append(as_text(row.get(name)))
        except ValueError as error:
            raise UserError(f"{path}, {where}, column {name!a}: {error}") from error
    return pl.Series(whole(name), texts, dtype=pl.String)
