"""Lists of turns that a table holds as text: JSON, or as Python and NumPy print them."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any, Final

_LIST: Final = re.compile(r"\s*(?:array\(\s*)?(?:\[\s*)?\{")
_KEYS: Final = re.compile(r"""["'](?:role|from)["']\s*:""")
_ARRAY: Final = re.compile(r"array\((.*),\s*dtype=object\)", re.DOTALL)
# NumPy prints no commas between items. A line never ends inside a quoted text of Python's
_NO_COMMA: Final = re.compile(r"\}[ \t]*\n[ \t]*\{")


def looks_like_turns(text: str) -> bool:
    """Return whether a text is meant as an object or a list of objects that say who speaks."""
    return _LIST.match(text) is not None and _KEYS.search(text) is not None


def parse_literal(text: str) -> Any:
    """Return what a text holds as JSON, or as Python prints it; no code is run.

    Raises:
        ValueError: neither of them.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    plain = text.strip()
    if array := _ARRAY.fullmatch(plain):
        plain = array[1]
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes that are none
            return ast.literal_eval(_NO_COMMA.sub("}, {", plain))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError("neither JSON nor a Python literal") from error
