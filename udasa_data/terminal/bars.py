"""Progress bars on a terminal; nothing elsewhere."""

from __future__ import annotations

import time
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

from udasa_data.terminal.interruption import note_position
from udasa_data.terminal.screen import Screen


class Bars:
    """Draws one bar a step on standard error, when that is a terminal.

    Args:
        unit: of what a step counts.
    """

    def __init__(self, unit: str = "prompts") -> None:
        self._unit = unit
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
        self._task: TaskID | None = None
        self._started = 0.0
        self._done = 0.0
        self._tokens = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a bar."""
        self._task = self._progress.add_task(step, total=total, completed=done, rate="", words="")
        self._started, self._done, self._tokens = time.monotonic(), 0.0, 0
        self._note_position()

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Move the bar."""
        if self._task is None:
            return
        self._done += prompts
        self._tokens += tokens
        seconds = max(time.monotonic() - self._started, 1e-9)
        rate = f"{self._done / seconds:.1f} {self._unit}/s"
        if self._tokens:
            rate += f" {self._tokens / seconds:,.0f} tok/s"
        self._progress.update(self._task, advance=prompts, rate=rate)
        self._note_position()

    def _note_position(self) -> None:
        """Note where the work stands, for who interrupts it."""
        assert self._task is not None
        task = self._progress.tasks[self._progress.task_ids.index(self._task)]
        note_position(
            f"{task.description}: {task.completed:,.0f} of {task.total or 0:,.0f} {self._unit} done"
        )

    def tell(self, words: str) -> None:
        """Show words at the end of the bar."""
        if self._task is not None:
            self._progress.update(self._task, words=words)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False)

    def finish(self) -> None:
        """Fill the bar."""
        if self._task is not None:
            task = self._progress.tasks[self._progress.task_ids.index(self._task)]
            self._progress.update(self._task, completed=task.total)
