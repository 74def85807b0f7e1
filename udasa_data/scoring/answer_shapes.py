"""Where a file has its answers, and the same file with one row an answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError, nearest
from udasa_data.prompts import (
    FileTable,
    NoPrompt,
    Source,
    is_blank,
    looks_like_turns,
    malformed,
    parse_literal,
    read_answer,
    unstorable,
)

# tried in this order: an answer in each row, several in each row, a conversation that ends in one
_ONE: Final = ("text", "response", "output", "completion", "answer", "generation")
_SEVERAL: Final = ("responses", "completions", "outputs", "answers", "generations")
CONVERSATIONS: Final = ("messages", "conversations", "conversation", "dialog", "dialogue", "turns")
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum, pl.Null)
# of an answer that is an object
_INSIDE: Final = ("response", "text", "content", "output", "completion", "generation", "answer")


class FileAnswers(NamedTuple):
    """A file with one row an answer.

    Attributes:
        found: the table; where a row had several answers it is there once for each.
        columns: that the answers came from.
        texts: the answers, None where missing.
    """

    found: FileTable
    columns: tuple[str, ...]
    texts: list[str | None]


def one_row_an_answer(
    path: Path | Source, found: FileTable, of_each: Collection[str], named: Sequence[str] = ()
) -> FileAnswers:
    """Return a file's answers, each with its row.

    Args:
        path: of the file, for messages.
        found: the file.
        of_each: columns of which a list has a value for each answer in its row.
        named: the columns of the answers, as the user says; none finds them.

    Raises:
        UserError: no column has answers, or a cell holds something else.
    """
    columns = tuple(named) or _answer_columns(found.table)
    _check(path, found, columns)
    cells = zip(*(found.table[name].to_list() for name in columns), strict=True)
    answers = [
        [
            answer
            for name, cell in zip(columns, of_row, strict=True)
            for answer in _answers(cell, name)
        ]
        for of_row in cells
    ]
    notes = _unread(path, found, columns, answers)
    counts = [len(of_row) for of_row in answers]
    if max(counts) > 1:
        found = _spread(path, found, columns, of_each, counts)
    texts = [None if isinstance(a, NoPrompt) else a for of_row in answers for a in of_row]
    return FileAnswers(found._replace(notes=[*found.notes, *notes]), columns, texts)


def _check(path: Path | Source, found: FileTable, columns: Sequence[str]) -> None:
    """Raise a UserError where there is no column of answers, or one of numbers and the like."""
    names = found.table.columns
    if not columns:
        raise UserError(
            f"{path}: no column 'text' with the answers (nor {', '.join((*_ONE[1:], *_SEVERAL))}); "
            f"it has {', '.join(names)}; name it: {path}#COLUMN"
        )
    for name in columns:
        if name not in names:
            raise UserError(f"{path}: no column '{name}'{nearest(name, names)}")
        column = found.table[name]
        if not (column.dtype.is_nested() or column.dtype in _TEXTS):
            place = found.places[int(column.is_not_null().arg_true()[0])]
            problem = f"text is needed, not {column.dtype}"
            raise UserError(f"{path}, {place}, column '{name}': {problem}")


def _unread(
    path: Path | Source,
    found: FileTable,
    columns: Sequence[str],
    answers: Sequence[Sequence[str | NoPrompt | None]],
) -> list[str]:
    """Return a note of the answers that cannot be read, which count as empty.

    Raises:
        UserError: none can be read.
    """
    faults = [
        (place, answer)
        for place, of_row in zip(found.places, answers, strict=True)
        for answer in of_row
        if isinstance(answer, NoPrompt)
    ]
    if not faults:
        return []
    place, first = faults[0]
    where = f"{place}, column '{', '.join(columns)}': {first.detail}"
    if not any(isinstance(answer, str) for of_row in answers for answer in of_row):
        raise UserError(f"{path}, {where}")
    return [f"{len(faults):,} answers cannot be read and count as empty; the first: {where}"]


def _answer_columns(table: pl.DataFrame) -> tuple[str, ...]:
    """Return the first column that may hold answers and does; none at worst."""
    known = ("text", *_SEVERAL, *_ONE[1:])
    there = [name for name in known if name in table.columns]
    filled = [name for name in there if not all(map(is_blank, table[name].to_list()))]
    if found := (filled or there)[:1]:
        return tuple(found)
    talks = (name for name in CONVERSATIONS if name in table.columns)
    ended = (name for name in talks if any(map(_ends_in_answer, table[name].to_list())))
    return tuple(ended)[:1]


def _ends_in_answer(cell: object) -> bool:
    return isinstance(read_answer(cell, "messages"), str)


def _answers(cell: object, name: str) -> list[str | NoPrompt | None]:
    """Return the answers in a cell: several in a list, one otherwise; None where it is empty."""
    if is_blank(cell):
        return [None]
    if isinstance(cell, str) and name in _SEVERAL and cell.lstrip().startswith("["):
        try:
            cell = parse_literal(cell)
        except ValueError as error:
            return [malformed(f"looks like a list of answers, but is {error}", cell)]
    if isinstance(cell, list) and cell and not _is_conversation(cell, name):
        return [_text(item, name) for item in cell]
    return [_text(cell, name)]


def _is_conversation(cell: Sequence[object], name: str) -> bool:
    """Return whether a list is one answer as messages, rather than answers."""
    speaks = isinstance(cell[0], Mapping) and any(cell[0].get(key) for key in ("role", "from"))
    return speaks or name in CONVERSATIONS


def _text(item: object, name: str) -> str | NoPrompt | None:
    """Return the text of an answer: text, an object with it, or messages that end in it."""
    found: str | NoPrompt | None
    if item is None:
        return None
    if isinstance(item, str) and name not in CONVERSATIONS:
        # an answer may be such a list itself, where nothing says that messages are meant
        found = read_answer(item, name) if name != "text" and looks_like_turns(item) else item
        found = found if isinstance(found, str) else item
    elif isinstance(item, str | Mapping | list):
        found = _inside(item) or read_answer(item, name)
    else:
        found = malformed(f"text is needed, not {type(item).__name__}", item)
    if isinstance(found, str) and (problem := unstorable(found)):
        return malformed(f"holds {problem}", found)
    return found


def _inside(item: str | Mapping[str, object] | list[object]) -> str | None:
    """Return the text in an object that is no message; None where it is something else."""
    if not isinstance(item, Mapping) or any(item.get(key) for key in ("role", "from")):
        return None
    texts = (item[key] for key in _INSIDE if key in item)
    return next((text for text in texts if isinstance(text, str)), None)


def _spread(
    path: Path | Source,
    found: FileTable,
    columns: Collection[str],
    of_each: Collection[str],
    counts: Sequence[int],
) -> FileTable:
    """Return a table with each row as often as it has answers, and lists of them taken apart."""
    table = found.table
    every = [(row, k) for row, count in enumerate(counts) for k in range(count)]
    spread = table[[row for row, _ in every]]
    for name in table.columns:
        dtype = table.schema[name]
        if name not in {*columns, *of_each} or not isinstance(dtype, pl.List):
            continue
        cells = table[name].to_list()
        lengths = [len(cell) if cell else count for cell, count in zip(cells, counts, strict=True)]
        odd = [row for row, length in enumerate(lengths) if length != counts[row]]
        if not odd:
            parts = [cells[row][k] if cells[row] else None for row, k in every]
            spread = spread.with_columns(pl.Series(name, parts, dtype=dtype.inner))
        elif name in of_each:
            problem = f"{lengths[odd[0]]} values, but the row has {counts[odd[0]]} answers"
            raise UserError(f"{path}, {found.places[odd[0]]}, column '{name}': {problem}")
    places = [
        found.places[row] if counts[row] == 1 else f"{found.places[row]}, answer {k + 1}"
        for row, k in every
    ]
    return FileTable(spread, places, found.notes)
