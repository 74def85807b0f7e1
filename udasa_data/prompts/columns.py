"""Which columns of a source are read: the prompt's, and those beside it that mean what ours do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from udasa_data.errors import UserError, nearest
from udasa_data.prompts.cells import Rows, cell_of, is_blank, root_of
from udasa_data.prompts.side_columns import SIDE_COLUMNS, side_columns

# each asks something: where one is empty in a row, the next that is not is read
_QUESTIONS: Final = (
    *("prompt", "messages", "conversations", "conversation", "dialog", "dialogue", "turns"),
    *("contents", "question", "query", "instruction"),
)
# Tried in this order; the first that holds something is the source's prompt column.
PROMPT_COLUMNS: Final = (*_QUESTIONS, "text", "chosen")


class Columns(NamedTuple):
    """The columns that are read of a source.

    Attributes:
        prompt: of which the first that is not empty in a row is its prompt.
        side: those beside it whose values are ours.
        notes: what of the same names was not read, and why.
    """

    prompt: tuple[str, ...]
    side: tuple[str, ...]
    notes: tuple[str, ...]

    def cell(self, row: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the name and the cell of a row's prompt."""
        for name in self.prompt:
            cell = cell_of(row, name)
            if not is_blank(cell):
                return name, cell
        return self.prompt[0], cell_of(row, self.prompt[0])


def choose_columns(
    source: str, rows: Rows, columns: Collection[str], named: str | None = None
) -> Columns:
    """Choose the columns of a source by what they hold.

    Args:
        source: its name, for messages.
        rows: all of its rows.
        columns: all that it has.
        named: by the user, with a dot before a key of an object: ``prompt.text``.

    Raises:
        UserError: there is no such column, or none that could be a prompt's.
    """
    prompt = (_named(source, rows, columns, named),) if named else prompt_columns(rows, columns)
    if not prompt:
        raise UserError(
            f"{source}: no prompt column among {', '.join(sorted(columns))}; "
            f"name one: {source}#COLUMN"
        )
    return Columns(prompt, *side_columns(rows, columns, prompt))


def prompt_columns(
    rows: Rows, columns: Collection[str], known: Sequence[str] = PROMPT_COLUMNS
) -> tuple[str, ...]:
    """Return the columns that a row's prompt is in, the first that is not empty; none at worst.

    Args:
        rows: of a source.
        columns: all that it has.
        known: the names that may be a prompt's, in order.
    """
    there = [name for name in known if name in columns]
    filled = [name for name in there if any(not is_blank(row.get(name)) for row in rows)]
    if not filled or filled[0] not in _QUESTIONS:
        return tuple((filled or there)[:1])
    return tuple(name for name in filled if name in _QUESTIONS)


def spelt_otherwise(columns: Collection[str], named: str | None) -> dict[str, str]:
    """Return the columns that are ours but for case and white space around → our name for each.

    Args:
        columns: of a source.
        named: by the user: that one keeps its name.
    """
    ours = {*PROMPT_COLUMNS, *SIDE_COLUMNS}
    found: dict[str, str] = {}
    for name in columns:
        plain = name.strip().casefold()
        is_free = plain not in columns and plain not in found.values()
        if name != plain and plain in ours and is_free and name != (named and root_of(named)):
            found[name] = plain
    return found


def _named(
    source: str, rows: Sequence[Mapping[str, Any]], columns: Collection[str], name: str
) -> str:
    if name in columns or any(cell_of(row, name) is not None for row in rows):
        return name
    outer = name.rpartition(".")[0]
    keys = {key for row in rows if isinstance(cell := cell_of(row, outer), Mapping) for key in cell}
    known = [f"{outer}.{key}" for key in keys] if keys else columns
    raise UserError(f"{source}: no column '{name}'{nearest(name, known)}")
