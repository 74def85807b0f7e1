"""Rows that a program holds (lists, DataFrames, datasets) → the lines of a JSONL file.

A run's prompts must outlive the program: who resumes it, or starts from it, reads them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import polars as pl

from udasa_data.config import is_there, read_presets
from udasa_data.errors import UserError, first_line
from udasa_data.runs import GIVEN_ROWS, Run
from udasa_data.storage import LOCK, place_of, read_files, remove, write_text

# a list of texts or mappings, a polars or pandas DataFrame, a datasets.Dataset
Rows: TypeAlias = Any


def as_lines(rows: Rows, what: str) -> str:
    """Return rows as JSON Lines, in their order; NaN is null.

    Args:
        rows: texts, mappings or lists of messages; or a table of polars, pandas or ``datasets``.
        what: the argument's name, for messages.

    Raises:
        UserError: no rows, or a value that JSON does not have.
    """
    found = list(_rows_of(rows, what))
    if not found:
        raise UserError(f"{what}: holds no rows; give one at least")
    lines = []
    for number, row in enumerate(found):
        try:
            lines.append(msgspec.json.encode(row, enc_hook=_plain).decode())
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise UserError(
                f"{what}, row {number}: cannot be kept ({first_line(error)})"
            ) from error
    return "\n".join(lines) + "\n"


def place_of_rows(out: str | Path) -> str:
    """Return where rows that a program gave are kept in a run."""
    return str(place_of(out) / GIVEN_ROWS)


def keep_rows(out: str | Path, lines: str, what: str) -> bool:
    """Write rows into the directory of a run; return whether it was this call that did.

    Raises:
        UserError: it holds a run of other rows, or somebody else's files.
    """
    run = Run(out)
    run.claim()
    (old,) = read_files([run.root / GIVEN_ROWS])
    if old == lines.encode():
        return False
    if old is not None or run.manifest:
        raise UserError(
            f"{run.root} holds a run that differs in: {what}. Give another --out, or delete that "
            "directory"
        )
    run.mark()
    write_text(run.root / GIVEN_ROWS, lines)
    return True


def forget_rows(out: str | Path) -> None:
    """Take the rows of a run that never began out of its directory again."""
    run = Run(out)
    if run.manifest:
        return
    for name in (GIVEN_ROWS, LOCK):
        remove(run.root / name)
    if isinstance(run.root, Path):
        with suppress(OSError):  # there is more in it
            run.root.rmdir()


def _rows_of(rows: Rows, what: str) -> Iterable[Any]:
    if isinstance(rows, pl.DataFrame | pl.LazyFrame):
        return rows.lazy().collect().to_dicts()
    if isinstance(rows, pl.Series):
        return rows.to_list()
    package = type(rows).__module__.partition(".")[0]
    if package == "pandas":
        return _of_pandas(rows)
    if package == "datasets" and isinstance(rows, Mapping):
        raise UserError(f"{what}: has several splits ({', '.join(rows)}); give one of them")
    if isinstance(rows, Mapping) or not isinstance(rows, Iterable):
        raise UserError(
            f"{what}: a {type(rows).__name__} is no table; give a list, a DataFrame, a Dataset, or "
            "the name of a source"
        )
    found = list(rows)
    _refuse_names(found, what)
    return found


def _of_pandas(rows: Any) -> Iterable[Any]:
    """Return a DataFrame's rows, or a Series' values, as Python has them; missing ones as None."""
    if rows.ndim == 1:
        return [None if value is None or value != value else value for value in rows.tolist()]  # noqa: PLR0124 (NaN)
    return pl.from_pandas(rows).to_dicts()


def _refuse_names(rows: Sequence[Any], what: str) -> None:
    """Refuse a list of the names of sources, each of which would be a prompt of one word.

    Raises:
        UserError: says how a source is given.
    """
    presets = read_presets().prompts
    if rows and all(isinstance(row, str) and (row in presets or is_there(row)) for row in rows):
        raise UserError(
            f"{what}: '{rows[0]}' in a list is a text, and here the name of a source; for the "
            f"source give {what}='{rows[0]}'"
        )


def _plain(value: object) -> object:
    """Return what msgspec does not know as something that it does: numpy's arrays and scalars."""
    listed = getattr(value, "tolist", None)
    if listed is None:
        raise TypeError(f"a {type(value).__name__} is no text, number, list or mapping")
    return listed()
