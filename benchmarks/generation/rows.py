"""Lines of the table: the seconds of two sides, or why there are none."""

from __future__ import annotations

import sys
from typing import NamedTuple


class Row(NamedTuple):
    """A line of the table, with the ratio that it ends in; None where there is none."""

    name: str
    cells: tuple[str, ...]
    ratio: float | None


def row(name: str, sides: tuple[str, str], seconds: tuple[float, float], target: str) -> Row:
    """Return a line: the ratio is the first side's time over the second's."""
    ratio = seconds[0] / seconds[1]
    print(f"{name}: {ratio:.3f}", file=sys.stderr, flush=True)
    cells = (name, sides[0], f"{seconds[0]:.2f}", sides[1], f"{seconds[1]:.2f}", f"{ratio:.3f}")
    return Row(name, (*cells, target), ratio)


def not_run(name: str, why: str) -> Row:
    """Return a line that says why there is no figure."""
    print(f"{name}: not run: {why}", file=sys.stderr, flush=True)
    return Row(name, (name, "not run", "", why, "", "", ""), None)
