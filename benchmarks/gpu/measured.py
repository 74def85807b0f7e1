"""What a part of the benchmark has measured."""

from __future__ import annotations

from typing import NamedTuple


class Measured(NamedTuple):
    """Lines of the table and ratios by name."""

    rows: list[tuple[str, ...]]
    ratios: dict[str, float]
