"""Bodies of replies: JSON as servers write it, and what is none."""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec

_MISFIT: Final = re.compile(r"Expected `(.+?)`, got `(.+?)`(?: - at `\$\.?(.*)`)?$")
_TITLE: Final = re.compile(rb"<title[^>]*>\s*([^<]*)", re.IGNORECASE)


def read_json(body: bytes) -> object:
    """Return the value of a JSON text; NaN and Infinity are let through.

    U+FFFD stands in place of what no UTF-8 can hold: half of a surrogate pair, or a byte of none.

    Raises:
        ValueError: it is cut short, or no JSON.
    """
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        pass
    try:
        return _whole(json.loads(body.decode("utf-8-sig", errors="replace"), strict=False))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _whole(value: object) -> object:
    """Return a value with U+FFFD for each half of a surrogate pair in its texts."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(part) for part in value]
    if isinstance(value, dict):
        return {str(_whole(name)): _whole(part) for name, part in value.items()}
    return value


def misfit(error: msgspec.ValidationError) -> str:
    """Return which part of a JSON value is not of the type that it should be."""
    found = _MISFIT.match(str(error))
    if found is None:
        return str(error)[0].lower() + str(error)[1:].replace(" - at `$`", "")
    expected, got, path = found.groups()
    return f"{path or 'the reply'}: expected {expected}, got {got}"


def is_stream(body: bytes) -> bool:
    """Return whether a body is a stream of server-sent events."""
    return re.match(rb"\s*(data|event|id|retry)?:", body) is not None


def page_title(body: bytes) -> str | None:
    """Return the title of a web page, "" where it has none; None: it is no web page."""
    if not body.lstrip().startswith(b"<"):
        return None
    title = _TITLE.search(body)
    return " ".join(title.group(1).decode(errors="replace").split())[:80] if title else ""
