"""Progress bars on a terminal; elsewhere a line every half a minute."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from udasa_data.progress import EVERY, Position, Ticker
from udasa_data.terminal.interruption import note_position
from udasa_data.terminal.screen import Screen


class Bars:
    """Draws one bar a step on standard error; where that is no terminal, prints where a step is.

    Args:
        unit: of what a step counts.
        every: seconds from one line to the next.
    """

    def __init__(self, unit: str = "prompts", every: float = EVERY) -> None:
        self._console = console = Screen(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:8}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>26}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._position = Position(unit)
        self._task: TaskID | None = None
        self._every = every
        self._ticker: Ticker | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        if not self._console.is_terminal:
            self._ticker = Ticker(self._print_line, self._every)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self._ticker is not None:
            self._ticker.stop()

    def _print_line(self) -> None:
        """Print where the work stands, also while a long batch is under way."""
        if self._position.is_open:
            self.say(self._position.line)

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a bar."""
        self._task = self._progress.add_task(step, total=total, completed=done, rate="", words="")
        self._position.start(step, total, done)
        note_position(f"{self._position.counted} done")

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Move the bar."""
        if self._task is None:
            return
        self._position.advance(prompts, tokens)
        self._progress.update(self._task, advance=prompts, rate=self._position.rate)
        note_position(f"{self._position.counted} done")

    def tell(self, words: str) -> None:
        """Show words at the end of the bar."""
        if self._task is not None:
            self._position.words = words
            self._progress.update(self._task, words=words)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False)

    def finish(self) -> None:
        """Fill the bar."""
        if self._task is not None:
            self._position.finish()
            self._progress.update(self._task, completed=self._position.total)
