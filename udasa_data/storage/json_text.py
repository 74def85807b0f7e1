"""JSON as we take it from files and servers: no NaN, no lone surrogate, no depth without end."""

from __future__ import annotations

import json
from typing import Any, Final

_DEEPEST: Final = 200  # levels; what is nested further could be read here and not written again


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text holds.

    Raises:
        ValueError: malformed, not UTF-8, nested too deeply, or with a value that cannot be stored
            again (NaN, infinity, an integer of thousands of digits, half a character).
    """
    found = parse_row(text)
    try:
        json.dumps(found, allow_nan=False)  # 1e999 is infinity
    except ValueError as error:
        raise ValueError("NaN or an infinite number is no JSON") from error
    return found


def parse_row(text: str | bytes) -> Any:
    """Return what a JSON text holds, which may be NaN and infinity, as Python writes them.

    Raises:
        ValueError: as of :func:`parse_json`, but for these two.
    """
    try:
        found = json.loads(text)
        if _is_deep(found):
            raise ValueError("nested too deeply")
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError(HALF_A_CHARACTER) from error
    return found


HALF_A_CHARACTER: Final = "half a character (a lone surrogate, as in \\ud800)"


def _is_deep(value: object) -> bool:
    """Return whether lists and objects are nested beyond what is stored again everywhere."""
    level: list[object] = [value]
    for _ in range(_DEEPEST):
        nested = [part for part in level if isinstance(part, dict | list)]
        if not nested:
            return False
        level = [
            part
            for inner in nested
            for part in (inner.values() if isinstance(inner, dict) else inner)
        ]
    return True
