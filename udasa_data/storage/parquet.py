"""Parquet files, each by the very path it is given: no pattern is expanded, no folder is parsed.

polars takes ``data[1].parquet`` for a pattern that means ``data1.parquet``. All reading of Parquet
goes through here, where it does not.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import polars as pl

from udasa_data.config import require_file

ParquetSource: TypeAlias = Path | io.BytesIO


def read_parquet(file: ParquetSource, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a Parquet file, or some of its columns.

    Raises:
        OSError: it cannot be opened, or is no file.
        polars.exceptions.PolarsError: no Parquet file, or it lacks a column.
    """
    if isinstance(file, Path):
        require_file(file)
    chosen = None if columns is None else list(columns)
    try:
        return pl.read_parquet(file, columns=chosen, glob=False, hive_partitioning=False)
    except pl.exceptions.PanicException as error:  # a BaseException, of a damaged page
        raise pl.exceptions.ComputeError("damaged: a page of it cannot be decoded") from error


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
