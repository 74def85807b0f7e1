"""What readers of datasets take and return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from udasa_data.prompts import cell_of

Row: TypeAlias = Mapping[str, Any]
Document: TypeAlias = dict[str, Any]


class MalformedError(ValueError):
    """A row without what the task asks about."""


def text_of(row: Row, *names: str) -> str:
    """Return the first of some columns that holds text, or an object with it under ``text``.

    Raises:
        MalformedError: none does.
    """
    for name in names:
        value = row.get(name)
        if isinstance(value, Mapping):
            value = cell_of(row, f"{name}.text")
        if isinstance(value, str) and value.strip():
            return value
    raise MalformedError(f"no text in {' or '.join(repr(name) for name in names)}")
