"""JSON as we take it from files and servers: no NaN, no lone surrogate, no depth without end."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text holds.

    Raises:
        ValueError: malformed, not UTF-8, nested too deeply, or with a value that cannot be stored
            again (NaN, infinity, an integer of thousands of digits, half a character).
    """
    try:
        found = json.loads(text, parse_constant=_refuse)
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError(f"half a character (a lone surrogate) at {error.start}") from error
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
