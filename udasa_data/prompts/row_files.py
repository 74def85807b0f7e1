"""Files of rows: .jsonl, .json, .csv, .parquet and .txt, read with where each row stands."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.config import is_there
from udasa_data.errors import UserError, first_line
from udasa_data.storage import HALF_A_CHARACTER, parquet_schema, read_parquet

SUFFIXES: Final = (".jsonl", ".json", ".csv", ".parquet", ".txt")
TABLE_SUFFIXES: Final = (".jsonl", ".csv", ".parquet")  # a row is a record of named cells

_DEEPEST: Final = 50  # levels of lists and objects in a cell
# what polars raises of values and files that it cannot hold; a panic is a BaseException
_REFUSED: Final = (
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException),
    *(ValueError, TypeError, OverflowError, RecursionError),
)
_KINDS: Final = {int: "number", float: "number", str: "string", bool: "boolean", dict: "object"}


class FileTable(NamedTuple):
    """A file as it is, and where each of its rows stands: ``line 7``, ``row 3``."""

    table: pl.DataFrame
    places: list[str]


def read_table(path: Path) -> FileTable:
    """Read a .jsonl, .csv or .parquet file whole, with all its columns in their order.

    Cells of a CSV file are strings. A JSON Lines file may leave keys out; each of its columns must
    hold one kind of value (numbers with and without a fraction are one).

    Raises:
        UserError: unreadable, malformed, not UTF-8, without rows, or of mixed kinds.
    """
    if path.suffix not in TABLE_SUFFIXES:
        raise UserError(f"{path}: unknown kind of file (known: {', '.join(TABLE_SUFFIXES)})")
    if path.suffix == ".parquet":
        table = read_columns(path)
        found = FileTable(table, [f"row {n}" for n in range(1, len(table) + 1)])
    else:
        rows = text_rows(path)
        _refuse_mixed_kinds(path, rows)
        found = FileTable(_as_table(path, rows), [where for where, _ in rows])
    if found.table.is_empty():
        raise UserError(f"{path}: holds no rows")
    return found


def _as_table(path: Path, rows: list[tuple[str, dict[str, Any]]]) -> pl.DataFrame:
    """Return rows as a table.

    Raises:
        UserError: a column, which is named, holds what no table can.
    """
    for where, row in rows:
        for name, cell in row.items():
            for problem in filter(None, (unstorable(name), unstorable(cell))):
                raise UserError(f"{path}, {where}, column {name!a}: {problem}")
    plain = [row for _, row in rows]
    try:
        return pl.DataFrame(plain, infer_schema_length=None)
    except _REFUSED as error:
        for name in dict.fromkeys(name for row in plain for name in row):
            try:
                pl.DataFrame([{name: row.get(name)} for row in plain], infer_schema_length=None)
            except _REFUSED as of_column:
                problem = f"its values cannot be one column ({first_line(of_column)})"
                raise UserError(f"{path}, column '{name}': {problem}") from error
        raise UserError(f"{path}: is no table ({first_line(error)})") from error


def unstorable(value: object, depth: int = 0) -> str | None:
    """Return what keeps a JSON value from being stored in a table, None where nothing does."""
    if isinstance(value, str):
        return None if value.isascii() or _is_unicode(value) else HALF_A_CHARACTER
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "an integer beyond 64 bits"
    if depth > _DEEPEST:
        return "nested too deeply"
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        found = (unstorable(part, depth + 1) for part in value)
        return next((problem for problem in found if problem), None)
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_mixed_kinds(path: Path, rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Raise a UserError at the first cell of another kind than those above it in its column."""
    first: dict[str, tuple[str, str]] = {}
    for where, row in rows:
        for name, cell in row.items():
            if cell is None:
                continue
            kind = _KINDS.get(type(cell), "list")
            first_kind, first_where = first.setdefault(name, (kind, where))
            if kind != first_kind:
                raise UserError(
                    f"{path}, {where}, column {name!a}: a {kind}, but a {first_kind} in "
                    f"{first_where}; one kind of value a column is needed"
                )


def read_columns(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> pl.DataFrame:
    """Read a Parquet file, or those of its columns that are ``wanted``.

    Raises:
        UserError: unreadable, or no Parquet file.
    """
    _refuse_no_file(path)
    try:
        with path.open("rb"):  # polars' own error for a missing file is less clear
            names = [name for name in parquet_schema(path) if wanted(name)]
            return read_parquet(path, columns=names)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except _REFUSED as error:
        raise UserError(f"{path}: not a readable Parquet file ({first_line(error)})") from error


def _refuse_no_file(path: Path) -> None:
    """Refuse what is there and is no file: a folder, or a pipe, which would be waited for."""
    if is_there(str(path)) and not path.is_file():
        kind = "a folder" if path.is_dir() else "a pipe or a device"
        raise UserError(f"{path}: is {kind}; give a file")


def text_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of a text file, each with where it stands.

    Raises:
        UserError: unreadable, not UTF-8, or malformed.
    """
    _refuse_no_file(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: not UTF-8 text; convert the file to UTF-8"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    return _READERS[path.suffix](path, text)


def _record(value: object, path: Path, where: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, dict):
        return value
    kind = type(value).__name__
    raise UserError(f"{path}, {where}: an object or a string is needed, not a JSON {kind}")


def _json_value(path: Path, where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"malformed JSON ({error.msg}, column {error.colno})"
        raise UserError(f"{path}, {where or f'line {error.lineno}'}: {problem}") from error
    except (ValueError, RecursionError) as error:
        problem = "an integer of thousands of digits"
        if isinstance(error, RecursionError):
            problem = "nested too deeply"
        raise UserError(f"{path}{', ' if where else ''}{where}: {problem}") from error


def _jsonl(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"line {number}"
            rows.append((where, _record(_json_value(path, where, line), path, where)))
    return rows


def _json(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    values = _json_value(path, "", text) if text.strip() else []
    if not isinstance(values, list):
        raise UserError(f"{path}: a JSON array of rows is needed; one object a line is .jsonl")
    return [(f"item {n}", _record(value, path, f"item {n}")) for n, value in enumerate(values, 1)]


def _csv(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    rows = []
    try:
        names = reader.fieldnames or ()
        if twice := [name for name in names if names.count(name) > 1]:
            raise UserError(f"{path}, line 1: two columns are named '{twice[0]}'")
        for row in reader:
            line = reader.line_num
            if None in row or None in row.values():
                raise UserError(f"{path}, line {line}: not the {len(names)} fields of the header")
            rows.append((f"line {line}", dict(row)))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: malformed CSV ({error})") from error
    return rows


def _txt(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    del path
    lines = enumerate(text.splitlines(), 1)
    return [(f"line {n}", {"prompt": line}) for n, line in lines if line.strip()]


_READERS: Final = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".txt": _txt}
