"""Cells of a row: where a named one lies, and whether it holds anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from udasa_data.prompts.identity import shows_nothing
from udasa_data.prompts.storable import is_missing

Rows: TypeAlias = Sequence[Mapping[str, Any]]


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
