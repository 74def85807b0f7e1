"""Progress bars on a terminal; elsewhere a line every half a minute."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Final, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from udasa_data.terminal.interruption import note_position
from udasa_data.terminal.screen import Screen

EVERY: Final = 30.0  # seconds


class Bars:
    """Draws one bar a step on standard error; where that is no terminal, prints where a step is.

    Args:
        unit: of what a step counts.
        every: seconds from one line to the next.
    """

    def __init__(self, unit: str = "prompts", every: float = EVERY) -> None:
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
        self._every = every
        self._ended = threading.Event()
        self._lines: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        if not self._console.is_terminal:
            self._lines = threading.Thread(target=self._print_lines, daemon=True)
            self._lines.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
        self._ended.set()
        if self._lines is not None:
            self._lines.join()

    def _print_lines(self) -> None:
        """Print where the work stands, also while a long batch is under way."""
        while not self._ended.wait(self._every):
            if self._task is not None and not (task := self._bar(self._task)).finished:
                rate = f", {task.fields['rate']}" if task.fields["rate"] else ""
                words = f", {task.fields['words']}" if task.fields["words"] else ""
                self.say(f"{self._position(task)}{rate}{words}")

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
        rate = _rate(self._done / seconds, self._unit)
        if self._tokens:
            rate += f" {self._tokens / seconds:,.0f} tok/s"
        self._progress.update(self._task, advance=prompts, rate=rate)
        self._note_position()

    def _note_position(self) -> None:
        """Note where the work stands, for who interrupts it."""
        assert self._task is not None
        note_position(f"{self._position(self._bar(self._task))} done")

    def _position(self, task: Task) -> str:
        return f"{task.description}: {task.completed:,.0f} of {task.total or 0:,.0f} {self._unit}"

    def _bar(self, number: TaskID) -> Task:
        return self._progress.tasks[self._progress.task_ids.index(number)]

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
            self._progress.update(self._task, completed=self._bar(self._task).total)


def _rate(of_a_second: float, unit: str) -> str:
    slow = of_a_second < 1
    return f"{of_a_second * (60 if slow else 1):.1f} {unit}/{'min' if slow else 's'}"
