"""The columns of a file of answers, checked; a fault names file, place and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from udasa_data.errors import UserError, nearest
from udasa_data.prompts import FileTable, Source

NUMBERS: Final = ("n_tokens", "sum_logprob", "logprob", "mean_logprob")

_ROUNDING: Final = 1e-6  # by which a log-probability of 1 may come out above 0


class Cells:
    """The known columns of a file, one row an answer."""

    def __init__(self, path: Path | Source, found: FileTable) -> None:
        self.path = path
        self.table = found.table
        self.places = found.places

    def has(self, name: str) -> bool:
        """Return whether there is such a column."""
        return name in self.table.columns

    def fault(self, row: int, column: str, problem: str) -> UserError:
        """Return the error of a cell."""
        return UserError(f"{self.path}, {self.places[row]}, column '{column}': {problem}")

    def raw(self, name: str) -> list[Any]:
        """Return the cells of a column; None everywhere where there is none."""
        return self.table[name].to_list() if self.has(name) else [None] * len(self.table)

    def strings(self, name: str) -> pl.Series:
        """Return a column of strings, null where missing."""
        if not self.has(name):
            return pl.Series(name, [None] * len(self.table), dtype=pl.String)
        column = self.table[name]
        if column.dtype in (pl.Categorical, pl.Enum, pl.Null):
            column = column.cast(pl.String)
        if column.dtype != pl.String:
            row = int(column.is_not_null().arg_true()[0])
            raise self.fault(row, name, f"text is needed, not {column.dtype}")
        return column

    def numbers(self, name: str) -> pl.Series:
        """Return a column of finite numbers, null where missing or, in a CSV file, empty."""
        if not self.has(name):
            return pl.Series(name, [None] * len(self.table), dtype=pl.Float64)
        raw = self.table[name]
        if raw.dtype == pl.String:
            raw = raw.str.strip_chars().replace("", None)
        elif not (raw.dtype.is_numeric() or raw.dtype == pl.Null):
            raise self.fault(0, name, f"a number is needed, not {raw.dtype}")
        column = raw.cast(pl.Float64, strict=False)
        self._refuse(name, column.is_null() & raw.is_not_null(), "a number is needed")
        problem = "NaN or infinite; leave the cell empty where the value is not known"
        self._refuse(name, ~column.is_finite(), problem)
        return column

    def logprobs(self, name: str) -> pl.Series:
        """Return a column of log-probabilities in nats, null where missing."""
        column = self.numbers(name)
        self._refuse(name, column > _ROUNDING, "a log-probability is at most 0")
        return column

    def labels(self, name: str) -> pl.Series:
        """Return a column of labels as 0.0, 1.0, or NaN where missing."""
        if not self.has(name):
            raise UserError(f"{self.path}: no column '{name}'{nearest(name, self.table.columns)}")
        raw = self.table[name]
        if raw.dtype == pl.Boolean:
            return raw.cast(pl.Float64).fill_null(float("nan"))
        column = self.numbers(name)
        self._refuse(name, ~column.is_in([0.0, 1.0]), "a label is 0 (right) or 1 (wrong)")
        return column.fill_null(float("nan"))

    def _refuse(self, name: str, wrong: pl.Series, problem: str) -> None:
        rows = wrong.arg_true()
        if len(rows):
            row = int(rows[0])
            raise self.fault(row, name, f"{problem} (it holds {self.table[name][row]})")
