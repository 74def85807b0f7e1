"""Parquet files, each by the very path it is given: no pattern is expanded, no folder is parsed.

polars takes ``data[1].parquet`` for a pattern that means ``data1.parquet``. All reading of Parquet
goes through here, where it does not.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from udasa_data.config import require_file

ParquetSource: TypeAlias = Path | io.BytesIO
_ONE_AT_A_TIME: Final = threading.RLock()  # standard error is the process's


def read_parquet(file: ParquetSource, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a Parquet file, or some of its columns.

    Raises:
        OSError: it cannot be opened, or is no file.
        polars.exceptions.PolarsError: no Parquet file, or it lacks a column.
    """
    if isinstance(file, Path):
        require_file(file)
    chosen = None if columns is None else list(columns)
    # bytes were checked by their hash; a file may be anybody's
    quietly = _without_panics() if isinstance(file, Path) else nullcontext()
    try:
        with quietly:
            return pl.read_parquet(file, columns=chosen, glob=False, hive_partitioning=False)
    except pl.exceptions.PanicException as error:  # a BaseException, of a damaged page
        raise pl.exceptions.ComputeError("damaged: a page of it cannot be decoded") from error


@contextmanager
def _without_panics() -> Iterator[None]:
    """Keep what Rust writes of a panic, with its frames, from standard error: it is raised, too."""
    with _ONE_AT_A_TIME:
        try:
            kept = os.dup(2)
        except OSError:  # there is none
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def scan_parquet(file: ParquetSource) -> pl.LazyFrame:
    """Return a Parquet file as a lazy table; what is wrong with it is raised when collected."""
    return pl.scan_parquet(file, glob=False, hive_partitioning=False)


def parquet_schema(file: ParquetSource) -> dict[str, pl.DataType]:
    """Return the columns of a Parquet file and their types; raises as :func:`read_parquet`."""
    return dict(scan_parquet(file).collect_schema())


def parquet_metadata(file: ParquetSource) -> dict[str, str]:
    """Return the key-value metadata of a Parquet file; raises as :func:`read_parquet`."""
    if isinstance(file, Path):
        require_file(file)
    return pl.read_parquet_metadata(file)  # never expands a pattern
