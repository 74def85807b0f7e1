"""Short aligned tables, plain when the output is no terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from udasa_data.terminal.screen import Screen


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()
) -> None:
    """Print a table; plain output is never cut to a width.

    Args:
        header: of the columns.
        rows: cells; they and the header are text, never markup.
        right: numbers of the columns that are aligned to the right.
    """
    console = Screen()
    style = box.SIMPLE_HEAD if console.is_terminal else None
    table = Table(box=style, pad_edge=False)
    for number, head in enumerate(header):
        table.add_column(Text(head), justify="right" if number in right else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
