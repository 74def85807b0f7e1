"""Columns beside a prompt's: which of them are ours is told by what they hold."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from udasa_data.prompts.cells import Rows, is_blank
from udasa_data.prompts.evidence import evidence_of
from udasa_data.prompts.turns import excerpt
from udasa_data.schema import Axis, Mode

_SUBSET: Final = re.compile(r"(harmless|helpful)(?:[-_ ].*)?", re.IGNORECASE)  # HH-RLHF's parts
_LONGEST_WORD: Final = 30  # characters
# how people write in Alpaca's `input` that there is none
_NO_INPUT: Final = re.compile(
    r"[<\[(]?\s*(?:no[ _-]?input(?: (?:needed|required|necessary|provided|given))?"
    r"|n/a|none|nan|null|nil|not applicable|empty)\s*[>\])]?\.?|NA|-+",
    re.IGNORECASE,
)


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


def is_input(cell: object) -> bool:
    """Return whether a cell of ``input`` holds one, rather than words that say there is none."""
    return isinstance(cell, str) and not is_blank(cell) and not _NO_INPUT.fullmatch(cell.strip())


def is_system(cell: object) -> bool:
    """Return whether a cell of ``system`` is told to the policy: words, and not a system's name."""
    return isinstance(cell, str) and len(cell.split()) > 1


def pairs_of(history: object) -> list[tuple[str, str]] | None:
    """Return the questions and answers in a cell of earlier turns; None where it is another's."""
    if not isinstance(history, list):
        return None
    pairs = []
    for turn in history:
        match turn:
            case [str(question), str(answer)]:
                pairs.append((question, answer))
            case _:
                return None
    return pairs


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
    "system": is_system,
    "system_prompt": lambda cell: isinstance(cell, str),
    "history": lambda cell: pairs_of(cell) is not None,
}
SIDE_COLUMNS: Final = tuple(_SIDE)


def _not_ours(name: str, values: Sequence[object]) -> str:
    shown = list(dict.fromkeys(excerpt(value) for value in values[:1000]))
    more = ", …" if len(shown) > 1 else ""
    what = {
        "context": "evidence",
        "contexts": "evidence",
        "subset": "the axis",
        "system": "a system prompt",
        "history": "earlier turns",
    }.get(name, f"the {name}")
    return f"column '{name}' holds {shown[0]}{more}: not read as {what}"
