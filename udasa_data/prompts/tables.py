"""Files of rows as tables, with every column that they have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError
from udasa_data.prompts.row_files import REFUSED, read_columns, text_rows
from udasa_data.prompts.storable import as_text, is_missing, unstorable, whole

TABLE_SUFFIXES: Final = (".jsonl", ".csv", ".parquet")  # a row is a record of named cells

_KINDS: Final = {int: "number", float: "number", str: "string", bool: "boolean", dict: "object"}
_Rows = Sequence[tuple[str, dict[str, Any]]]


class FileTable(NamedTuple):
    """A file as it is.

    Attributes:
        table: its rows, with all its columns in their order.
        places: where each row stands: ``line 7``, ``row 3``.
        notes: what could not be held as it was.
    """

    table: pl.DataFrame
    places: list[str]
    notes: list[str]


def read_table(path: Path, typed: Collection[str] = ()) -> FileTable:
    """Read a .jsonl, .csv or .parquet file whole.

    Cells of a CSV file are strings. A JSON Lines file may leave keys out. A column whose values no
    table can hold together is text, of JSON.

    Args:
        path: of the file.
        typed: columns that must hold one kind of value (numbers with and without a fraction are
            one), and are never turned into text.

    Raises:
        UserError: unreadable, malformed, not UTF-8, without rows, or a typed column of mixed kinds.
    """
    if path.suffix not in TABLE_SUFFIXES:
        raise UserError(f"{path}: unknown kind of file (known: {', '.join(TABLE_SUFFIXES)})")
    if path.suffix == ".parquet":
        table = read_columns(path)
        found = FileTable(table, [f"row {n}" for n in range(1, len(table) + 1)], [])
    else:
        found = _as_table(path, text_rows(path), typed)
    if found.table.is_empty():
        raise UserError(f"{path}: holds no rows")
    return found


def _as_table(path: Path, rows: _Rows, typed: Collection[str]) -> FileTable:
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


def _refuse_what_is_not_typed(path: Path, rows: _Rows, name: str) -> None:
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


def _texts(path: Path, rows: _Rows, name: str) -> pl.Series:
    texts = []
    for where, row in rows:
        try:
            texts.append(as_text(row.get(name)))
        except ValueError as error:
            raise UserError(f"{path}, {where}, column {name!a}: {error}") from error
    return pl.Series(whole(name), texts, dtype=pl.String)
