"""Rows of CSV files, as spreadsheets, pandas and Python write them."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from typing import Any, Final

from udasa_data.errors import UserError
from udasa_data.prompts.decoding import lines_of
from udasa_data.storage import Place

_SEPARATORS: Final = (",", ";", "\t", "|")
_NAMED: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # a first line of Excel's
_QUOTED: Final = re.compile(r'"[^"]*"')


def csv_rows(
    path: Place, text: str, separator: str | None = None
) -> list[tuple[str, dict[str, Any]]]:
    r"""Return the rows of a CSV file, each with the line that it begins in.

    The separator is the one that a first line ``sep=;`` names, else the first of comma, semicolon,
    tab and bar that stands in the header outside quotes, else the comma.

    Args:
        path: for messages.
        text: of the file; lines may end in ``\n``, ``\r\n`` or ``\r``, also inside quotes.
        separator: known beforehand; None finds it.

    Raises:
        UserError: malformed, two columns of one name, or a row of another number of cells.
    """
    head = lines_of(text)[0] if text else ""
    named = _NAMED.fullmatch(head.strip())
    if named:
        # the line stays, empty, so that the numbers of the others are right
        separator, text = named[1], text[text.index(head) + len(head) :]
        head = next((line for line in lines_of(text) if line.strip()), "")
    separator = separator or _separator_in(head)
    bare = _QUOTED.sub("", head)  # where a space follows each separator it is none of the cells'
    spaced = separator in bare and bare.count(separator) == bare.count(f"{separator} ")
    records = _records(path, text, separator, spaced=spaced)
    names: list[str] = []
    rows = []
    for line, cells in records:
        if not names:
            names = _header(path, line, cells)
            continue
        if any(cells[len(names) :]) or len(cells) < len(names):
            raise UserError(
                f"{path}, line {line}: not the {len(names)} fields of the header, but "
                f"{len(cells)} (separated by {_shown(separator)})"
            )
        rows.append((f"line {line}", dict(zip(names, cells, strict=False))))
    return rows


def _records(
    path: Place, text: str, separator: str, *, spaced: bool
) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each record that is not an empty line, with the line it begins in."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a cell of any size
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=spaced
    )
    line = 1
    try:
        for cells in reader:
            if cells:
                cells[0] = cells[0].removeprefix("\ufeff")  # files that were joined
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, line {line}: malformed CSV ({error}); a quote inside quotes is written twice"
        ) from error


def _separator_in(header: str) -> str:
    bare = _QUOTED.sub("", header)
    return next((separator for separator in _SEPARATORS if separator in bare), ",")


def _header(path: Place, line: int, cells: list[str]) -> list[str]:
    """Return the columns' names, without those that spreadsheets leave unnamed at the end."""
    names = [*cells]
    while len(names) > 1 and not names[-1].strip():
        names.pop()
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{path}, line {line}: two columns are named '{twice[0]}'")
    return names


def _shown(separator: str) -> str:
    return "tabs" if separator == "\t" else f"'{separator}'"
