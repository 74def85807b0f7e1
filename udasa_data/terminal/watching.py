"""How a function's progress is shown: bars in a notebook or a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from udasa_data.progress import Progress, Silent
from udasa_data.terminal.bars import Bars
from udasa_data.terminal.notebook import NotebookBars, in_notebook
from udasa_data.terminal.running import quiet
from udasa_data.terminal.screen import echo

# True draws it, False does not; or an object of your own
Shown: TypeAlias = Progress | bool | None


@contextmanager
def watched(shown: Shown, unit: str = "prompts") -> Iterator[Progress]:
    """Yield what receives the progress of a call.

    Args:
        shown: None and True draw it where it is seen; False is silent.
        unit: of what the steps count.
    """
    if shown is False:
        yield Silent()
    elif shown is not None and shown is not True:
        yield shown
    else:
        quiet(of_a_program=True)
        with NotebookBars(unit) if in_notebook() else Bars(unit) as bars:
            yield bars


def teller(shown: Shown) -> Progress:
    """Return what receives lines alone, of calls without steps."""
    return _Lines() if shown is None or shown is True else shown or Silent()


class _Lines(Silent):
    def say(self, line: str) -> None:
        """Print a line."""
        echo(line, err=True)
