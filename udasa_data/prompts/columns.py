"""Which columns of a source are read: the prompt's, and those beside it that mean what ours do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from udasa_data.errors import UserError, nearest
from udasa_data.prompts.evidence import evidence_of
from udasa_data.prompts.identity import shows_nothing
from udasa_data.prompts.storable import is_missing
from udasa_data.prompts.turns import excerpt
from udasa_data.schema import Axis, Mode

# each asks something: where one is empty in a row, the next that is not is read
_QUESTIONS: Final = (
    *("prompt", "messages", "conversations", "conversation", "dialog", "dialogue", "turns"),
    *("question", "query", "instruction"),
)
# Tried in this order; the first that holds something is the source's prompt column.
PROMPT_COLUMNS: Final = (*_QUESTIONS, "text", "chosen")

_SUBSET: Final = re.compile(r"(harmless|helpful)(?:[-_ ].*)?", re.IGNORECASE)  # HH-RLHF's parts
_LONGEST_WORD: Final = 30  # characters
# how people write in Alpaca's `input` that there is none
_NO_INPUT: Final = re.compile(
    r"[<\[(]?\s*(?:no[ _-]?input(?: (?:needed|required|necessary|provided|given))?"
    r"|n/a|none|nan|null|nil|not applicable|empty)\s*[>\])]?\.?|NA|-+",
    re.IGNORECASE,
)


Rows: TypeAlias = Sequence[Mapping[str, Any]]


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


def side_columns(
    rows: Rows, columns: Collection[str], prompt: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns beside the prompt's whose values are ours, and why others are not read."""
    side, notes = [], []
    for name, is_ours in _SIDE.items():
        values = [] if name in prompt or name not in columns else [row.get(name) for row in rows]
        values = [value for value in values if not is_blank(value)]
        if name == "input" and values and "instruction" not in prompt:
            notes.append("column 'input' is read beside 'instruction' alone")
        elif any(is_ours(value) for value in values):
            side.append(name)
        elif values:
            notes.append(_not_ours(name, values))
    return tuple(side), tuple(notes)


def cell_of(row: Mapping[str, Any], name: str) -> Any:
    """Return a cell; ``a.b`` is the key b of the object in a, where no column has that name."""
    if name in row:
        return row[name]
    outer, dot, key = name.rpartition(".")
    inner = cell_of(row, outer) if dot else None
    return inner.get(key) if isinstance(inner, Mapping) else None


def root_of(name: str) -> str:
    """Return the column in which a named cell lies."""
    return name.partition(".")[0]


def is_blank(cell: object) -> bool:
    """Return whether a cell holds nothing."""
    if isinstance(cell, str):
        return shows_nothing(cell)
    if isinstance(cell, Mapping):
        return all(is_blank(value) for value in cell.values())
    return is_missing(cell) or (isinstance(cell, list) and not cell)


def is_input(cell: object) -> bool:
    """Return whether a cell of ``input`` holds one, rather than words that say there is none."""
    return isinstance(cell, str) and not is_blank(cell) and not _NO_INPUT.fullmatch(cell.strip())


def axis_in(subset: object) -> Axis | None:
    """Return the axis that a part of HH-RLHF is of; None for other names."""
    found = _SUBSET.fullmatch(subset.strip()) if isinstance(subset, str) else None
    if found is None:
        return None
    return Axis.HARMLESSNESS if found[1].casefold() == "harmless" else Axis.HELPFULNESS


def word_of(cell: object) -> object:
    """Return a cell that should be one of our words, as we write them."""
    return cell.strip().casefold() if isinstance(cell, str) else cell


def _is_evidence(cell: object) -> bool:
    try:
        return bool(evidence_of(cell))
    except ValueError:
        return False


def _is_meant(cell: object, words: Iterable[str]) -> bool:
    """Return whether a cell is one of our words, or one mistyped."""
    word = word_of(cell)
    if not isinstance(word, str) or len(word) > _LONGEST_WORD:
        return False
    return bool(difflib.get_close_matches(word, words, 1, 0.9))


_SIDE: Final[Mapping[str, Callable[[object], bool]]] = {
    "input": lambda cell: isinstance(cell, str),
    "context": _is_evidence,
    "contexts": _is_evidence,
    "axis": lambda cell: _is_meant(cell, Axis),
    "mode": lambda cell: _is_meant(cell, Mode),
    "subset": lambda cell: axis_in(cell) is not None,
}
SIDE_COLUMNS: Final = tuple(_SIDE)


def _named(
    source: str, rows: Sequence[Mapping[str, Any]], columns: Collection[str], name: str
) -> str:
    if name in columns or any(cell_of(row, name) is not None for row in rows):
        return name
    outer = name.rpartition(".")[0]
    keys = {key for row in rows if isinstance(cell := cell_of(row, outer), Mapping) for key in cell}
    known = [f"{outer}.{key}" for key in keys] if keys else columns
    raise UserError(f"{source}: no column '{name}'{nearest(name, known)}")


def _not_ours(name: str, values: Sequence[object]) -> str:
    shown = list(dict.fromkeys(excerpt(value) for value in values[:1000]))
    more = ", …" if len(shown) > 1 else ""
    what = {"context": "evidence", "contexts": "evidence", "subset": "the axis"}.get(
        name, f"the {name}"
    )
    return f"column '{name}' holds {shown[0]}{more}: not read as {what}"
