"""Progress in a notebook: one line of HTML under the cell, redrawn as the steps go."""

from __future__ import annotations

import html
import sys
import time
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Self

from udasa_data.progress import Position

_REDRAW: Final = 0.2  # seconds between two drawings


def in_notebook() -> bool:
    """Return whether this process is a notebook's kernel."""
    return "ipykernel" in sys.modules and "IPython" in sys.modules


class NotebookBars:
    """Draws each step as an HTML progress bar; IPython alone is needed, no widgets.

    Args:
        unit: of what a step counts.
    """

    def __init__(self, unit: str = "prompts") -> None:
        self._show: Any = import_module("IPython.display")
        self._position = Position(unit)
        self._ended: list[str] = []  # steps and lines above the bar
        self._handle: Any = None
        self._drawn = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            self._draw()

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a bar."""
        self._position.start(step, total, done)
        self._draw()

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Move the bar."""
        self._position.advance(prompts, tokens)
        if time.monotonic() - self._drawn > _REDRAW:
            self._draw()

    def tell(self, words: str) -> None:
        """Show words behind the bar."""
        self._position.words = words

    def say(self, line: str) -> None:
        """Show a line above the bar."""
        self._ended.append(line)
        self._draw()

    def finish(self) -> None:
        """Leave the finished step as a line."""
        self._position.finish()
        self._ended.append(self._position.line)
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        place = self._position
        lines = [f"<div>{html.escape(line)}</div>" for line in self._ended]
        if place.is_open:
            bar = f'<progress max="{max(place.total, 1)}" value="{place.done:.3f}"></progress>'
            lines.append(f"<div>{bar} {html.escape(place.line)}</div>")
        drawn = self._show.HTML("".join(lines))
        if self._handle is None:
            self._handle = self._show.display(drawn, display_id=True)
        else:
            self._handle.update(drawn)
