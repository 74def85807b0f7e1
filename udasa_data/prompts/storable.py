"""What a table can hold of a JSON value, and what stands for the rest."""

from __future__ import annotations

import json
from typing import Any, Final

from udasa_data.storage import HALF_A_CHARACTER

_DEEPEST: Final = 50  # levels of lists and objects in a cell


def unstorable(value: object, depth: int = 0) -> str | None:
    """Return what keeps a JSON value from being stored in a table, None where nothing does."""
    if isinstance(value, str):
        return None if value.isascii() or whole(value) == value else HALF_A_CHARACTER
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "an integer beyond 64 bits"
    if depth > _DEEPEST:
        return "nested too deeply"
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        found = (unstorable(part, depth + 1) for part in value)
        return next((problem for problem in found if problem), None)
    return None


def is_missing(value: object) -> bool:
    """Return whether a cell is null, or NaN, as which data frames write empty cells into JSON."""
    return value is None or value != value  # noqa: PLR0124 - NaN is unequal to itself


def whole(text: str) -> str:
    """Return a text in which U+FFFD stands for each half of a character (a lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def as_text(value: Any) -> str | None:
    """Return a JSON value as the text of one cell; a text as it is, null as null.

    Raises:
        ValueError: nested too deeply to be written.
    """
    if value is None:
        return None
    try:
        return whole(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
