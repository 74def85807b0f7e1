"""Short aligned tables, plain when the output is no terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from udasa_data.terminal.screen import Screen

_FOLDED: Final = 14  # cells that a column of words needs at least
_BETWEEN: Final = 2  # cells between two columns


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()
) -> None:
    """Print a table; plain output is never cut to a width.

    On a terminal words are folded and figures are not; columns for which there is no room are left
    out from the right, and a line says so.

    Args:
        header: of the columns.
        rows: cells; they and the header are text, never markup.
        right: numbers of the columns that are aligned to the right: figures.
    """
    console = Screen()
    cells = [tuple(row) for row in rows]
    shown = len(header)
    if console.is_terminal:
        shown = fitting(header, cells, right, console.width)
    style = box.SIMPLE_HEAD if console.is_terminal else None
    table = Table(box=style, pad_edge=False)
    for number, head in enumerate(header[:shown]):
        is_figure = number in right
        table.add_column(
            Text(head), justify="right" if is_figure else "left", overflow="fold", no_wrap=is_figure
        )
    for row in cells:
        table.add_row(*(Text(cell) for cell in row[:shown]))
    console.print(table)
    if left_out := [head for head in header[shown:] if head]:
        words = f"not shown, for want of width: {', '.join(left_out)}"
        console.print(Text(words, style="dim"))


def fitting(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int], width: int
) -> int:
    """Return how many columns, from the left, have room in a width; one at least."""
    needed = []
    for number, head in enumerate(header):
        widest = max(map(cell_len, (head, *(row[number] for row in rows))))
        needed.append(widest if number in right else min(widest, _FOLDED))
    shown = len(needed)
    while shown > 1 and sum(needed[:shown]) + _BETWEEN * (shown - 1) > width:
        shown -= 1
    return shown
