"""A report in words: for each thing what it is, and below it what was found; 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from udasa_data.preflight.report import Item, Report
from udasa_data.preflight.resources import size

WIDTH: Final = 80
_WHAT: Final = 15  # columns
_STATE: Final = 5
_ID: Final = WIDTH - _WHAT - _STATE - 2


def lines_of(report: Report) -> list[str]:
    """Return a report as an aligned table."""
    return [line for item in report.items for line in _lines(item)]


def _lines(item: Item) -> Iterator[str]:
    state = "FAULT" if item.faults else "ok"
    bytes_ = "" if item.bytes is None else size(item.bytes)
    found = item.detail
    if item.revision or item.licence or item.bytes is not None:
        found = f"{(item.revision or '')[:7]:7}  {bytes_:>8}  {item.licence or '':12}  {found}"
    head, *rest = textwrap.wrap(found, WIDTH - _WHAT, break_on_hyphens=False) or [""]
    if item.id:
        head, rest = item.id, [head, *rest]
    yield f"{item.what:{_WHAT - 1}} {_short(head):{_ID}}  {state:>{_STATE}}"
    yield from (f"{'':{_WHAT}}{line}".rstrip() for line in rest if line.strip())


def _short(text: str) -> str:
    """Return a text with its middle left out where it is too long: its ends tell most."""
    half = (_ID - 1) // 2
    return text if len(text) <= _ID else f"{text[:half]}…{text[-half:]}"
