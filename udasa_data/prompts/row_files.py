"""Files of rows: .jsonl, .json, .csv, .parquet and .txt, read with where each row stands."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import polars as pl

from udasa_data.config import is_there
from udasa_data.errors import UserError, first_line
from udasa_data.prompts.csv_rows import csv_rows
from udasa_data.prompts.decoding import decoded, lines_of
from udasa_data.storage import parquet_schema, read_parquet

SUFFIXES: Final = (".jsonl", ".json", ".csv", ".parquet", ".txt")
# what polars raises of values and files that it cannot hold; a panic is a BaseException
REFUSED: Final = (
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException),
    *(ValueError, TypeError, OverflowError, RecursionError),
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
            return _with_text(read_parquet(path, columns=names))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except REFUSED as error:
        raise UserError(f"{path}: not a readable Parquet file ({first_line(error)})") from error


def _with_text(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose columns of bytes are text where all of them are UTF-8.

    Impala, ClickHouse and older writers of Parquet do not say which of their columns are text.
    """
    for name, dtype in table.schema.items():
        if (text := _as_text(dtype)) != dtype:
            with contextlib.suppress(pl.exceptions.PolarsError):
                table = table.with_columns(pl.col(name).cast(text))
    return table


def _as_text(dtype: pl.DataType) -> pl.DataType:
    """Return a type with text in place of bytes."""
    if isinstance(dtype, pl.List):
        return pl.List(_as_text(dtype.inner))  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _as_text(field.dtype) for field in dtype.fields})  # type: ignore[arg-type]
    return pl.String() if dtype == pl.Binary else dtype


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
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    return _READERS[path.suffix](path, decoded(path, content))


def _record(value: object, path: Path, where: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, list):
        return {"messages": value}
    if isinstance(value, dict):
        return value
    kind = type(value).__name__
    raise UserError(
        f"{path}, {where}: an object, a list of messages or a string is needed, not a JSON {kind}"
    )


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
    for number, line in enumerate(lines_of(text), 1):
        if line.strip():
            where = f"line {number}"
            rows.append((where, _record(_json_value(path, where, line), path, where)))
    return rows


def _json(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    values = _json_value(path, "", text) if text.strip() else []
    if not isinstance(values, list):
        raise UserError(f"{path}: a JSON array of rows is needed; one object a line is .jsonl")
    return [(f"item {n}", _record(value, path, f"item {n}")) for n, value in enumerate(values, 1)]


def _txt(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    del path
    lines = enumerate(lines_of(text), 1)
    return [(f"line {n}", {"prompt": line}) for n, line in lines if line.strip()]


_READERS: Final = {".jsonl": _jsonl, ".json": _json, ".csv": csv_rows, ".txt": _txt}
