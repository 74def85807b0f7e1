"""Files of rows, each read with where its rows stand: tables by columns, texts by rows."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import polars as pl

from udasa_data.errors import UserError, first_line
from udasa_data.prompts.csv_rows import csv_rows
from udasa_data.prompts.decoding import decoded
from udasa_data.prompts.files import DataFile
from udasa_data.prompts.json_rows import json_rows, jsonl_rows, txt_rows
from udasa_data.storage import Place, parquet_schema, read_parquet

# what polars raises of values and files that it cannot hold; a panic is a BaseException
REFUSED: Final = (
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException),
    *(ValueError, TypeError, OverflowError, RecursionError),
)
_Rows: TypeAlias = list[tuple[str, dict[str, Any]]]


class TableFile(NamedTuple):
    """A file of typed columns: the names of all that it has, and those of them that were read."""

    columns: list[str]
    table: pl.DataFrame


def read_columns(file: DataFile, wanted: Callable[[str], bool] = lambda _: True) -> TableFile:
    """Read a Parquet or Arrow file, or those of its columns that are ``wanted``.

    Raises:
        UserError: unreadable, or no such file.
    """
    kind = file.kind.capitalize()
    source = _in_place(file) if file.is_plain else io.BytesIO(file.content())
    try:
        if file.kind == "arrow":
            return _arrow(source, wanted)
        columns = [*parquet_schema(source)]
        table = read_parquet(source, [name for name in columns if wanted(name)])
        return TableFile(columns, _with_text(table))
    except OSError as error:
        problem = error.strerror or first_line(error)
        raise UserError(f"{file.place}: cannot be read ({problem})") from error
    except REFUSED as error:
        problem = f"not a readable {kind} file ({first_line(error)})"
        raise UserError(f"{file.place}: {problem}") from error


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


def _in_place(file: DataFile) -> Path:
    """Return the path of a plain file, which is one and can be opened."""
    path = file.place
    assert isinstance(path, Path)
    if path.is_file():
        try:
            with path.open("rb"):  # polars' own error is less clear
                return path
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    file.content()  # says what is there instead
    return path


def _arrow(source: Path | io.BytesIO, wanted: Callable[[str], bool]) -> TableFile:
    """Read Arrow's file format, or its stream, which is what ``save_to_disk`` writes."""
    content = source.read_bytes() if isinstance(source, Path) else source.getvalue()
    if not content.startswith(b"ARROW1"):
        table = pl.read_ipc_stream(io.BytesIO(content))
        return TableFile(
            table.columns, table.select(name for name in table.columns if wanted(name))
        )
    columns = [*pl.read_ipc_schema(io.BytesIO(content))]
    chosen = [name for name in columns if wanted(name)]
    return TableFile(columns, pl.read_ipc(io.BytesIO(content), columns=chosen))


def text_rows(file: DataFile) -> _Rows:
    """Return the rows of a text file, each with where it stands.

    Raises:
        UserError: unreadable, not UTF-8, or malformed.
    """
    return _READERS[file.kind](file.place, decoded(file.place, file.content()))


_READERS: Final[dict[str, Callable[[Place, str], _Rows]]] = {
    "jsonl": jsonl_rows,
    "json": json_rows,
    "csv": csv_rows,
    "tsv": partial(csv_rows, separator="\t"),
    "txt": txt_rows,
}
