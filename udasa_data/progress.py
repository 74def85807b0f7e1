"""How a long step reports its progress; the CLI draws it, library users may ignore it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol, TextIO

EVERY: Final = 30.0  # seconds from one line to the next
# what an earlier start wrote stays; a link leads to somebody else's file
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)


class Progress(Protocol):
    """Receives reports of steps as they run."""

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a step of ``total`` prompts, ``done`` of which an earlier run had finished."""
        ...

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Move on by so many prompts (fractions while a batch is under way) and tokens."""
        ...

    def tell(self, words: str) -> None:
        """Show a few words beside the step, in the place of those before."""
        ...

    def say(self, line: str) -> None:
        """Show a line that stays."""
        ...

    def finish(self) -> None:
        """End the step."""
        ...


class Silent:
    """Reports to nobody."""

    def start(self, step: str, total: int, done: int) -> None:
        """Ignore the start of a step."""

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Ignore progress."""

    def tell(self, words: str) -> None:
        """Ignore words."""

    def say(self, line: str) -> None:
        """Ignore a line."""

    def finish(self) -> None:
        """Ignore the end of a step."""


class Position:
    """Where a step stands, in numbers and in words.

    Attributes:
        step: its name; "" before the first.
        unit: of what it counts.
        total, done: of the unit; ``done`` counts what an earlier start had finished.
        words: what stands beside it.
        is_open: whether it has begun and not ended.
    """

    def __init__(self, unit: str = "prompts") -> None:
        self.unit = unit
        self.step = ""
        self.words = ""
        self.total, self.done = 0, 0.0
        self.is_open = False
        self._started, self._before, self._took, self._tokens = 0.0, 0.0, 0.0, 0

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a step."""
        self.step, self.total, self.done, self.words = step, total, float(done), ""
        self._started, self._before, self._tokens = time.monotonic(), float(done), 0
        self.is_open = True

    def advance(self, amount: float, tokens: int = 0) -> None:
        """Move on."""
        self.done += amount
        self._tokens += tokens

    def finish(self) -> None:
        """End the step, all of it done."""
        self.done, self.is_open, self._took = float(self.total), False, self.seconds

    @property
    def seconds(self) -> float:
        """Since this start of the step."""
        return max(time.monotonic() - self._started, 1e-9)

    @property
    def rate(self) -> str:
        """How fast it goes since this start; "" where nothing is done yet."""
        of_a_second = (self.done - self._before) / self.seconds
        if not of_a_second and not self._tokens:
            return ""
        slow = of_a_second < 1
        rate = f"{of_a_second * (60 if slow else 1):.1f} {self.unit}/{'min' if slow else 's'}"
        return rate + (f" {self._tokens / self.seconds:,.0f} tok/s" if self._tokens else "")

    @property
    def left(self) -> float | None:
        """Seconds to its end at the rate so far; None where nothing is done yet."""
        gained = self.done - self._before
        return max(self.total - self.done, 0.0) / gained * self.seconds if gained > 0 else None

    @property
    def counted(self) -> str:
        """The step, and n of N."""
        return f"{self.step}: {self.done:,.0f} of {self.total:,} {self.unit}"

    @property
    def line(self) -> str:
        """All of it in one line: step, n of N, rate, time left, words; ended, what it took."""
        if not self.is_open:
            return f"{self.counted}, in {in_words(self._took)}"
        left = None if self.left is None else f"{in_words(self.left)} left"
        return ", ".join(filter(None, (self.counted, self.rate, left, self.words)))


def in_words(seconds: float) -> str:
    """Return a time as people say it: 40 s, 12 min, 3 h 05 min."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


class Ticker:
    """Calls something every so often from a thread of its own, until it is stopped."""

    def __init__(self, tick: Callable[[], None], every: float = EVERY) -> None:
        self._tick, self._every = tick, every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            self._tick()

    def stop(self) -> None:
        """End it; returns when the last call has returned."""
        self._ended.set()
        self._thread.join()


class Logged:
    """Hands progress on, and writes it into a file: each step's begin and end, and a line between.

    Args:
        shown: to whom it is handed on.
        file: open to be written.
        unit: of what the steps count.
        every: seconds from one line to the next, also while a long batch is under way.
        clean: takes out of a line what no file may hold.
    """

    def __init__(
        self,
        shown: Progress,
        file: TextIO,
        unit: str = "prompts",
        every: float = EVERY,
        clean: Callable[[str], str] = str,
    ) -> None:
        self._shown, self._file, self._clean = shown, file, clean
        self._position = Position(unit)
        self._ticker = Ticker(self._tick, every)

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a step."""
        self._shown.start(step, total, done)
        self._position.start(step, total, done)
        self._write(self._position.line)

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Move on."""
        self._shown.advance(prompts, tokens)
        self._position.advance(prompts, tokens)

    def tell(self, words: str) -> None:
        """Show words beside the step."""
        self._shown.tell(words)
        self._position.words = words

    def say(self, line: str) -> None:
        """Show a line that stays, here too."""
        self._shown.say(line)
        self._write(line)

    def finish(self) -> None:
        """End the step."""
        self._shown.finish()
        self._position.finish()
        self._write(self._position.line)

    def close(self, last: str) -> None:
        """Write a last line, and no more."""
        self._ticker.stop()
        self._write(last)

    def _tick(self) -> None:
        if self._position.is_open:
            self._write(self._position.line)

    def _write(self, line: str) -> None:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        self._file.write(f"{now} {' '.join(self._clean(line).split())}\n")
        self._file.flush()


@contextmanager
def logged(
    progress: Progress, file: Path, clean: Callable[[str], str] = str, unit: str = "prompts"
) -> Iterator[Progress]:
    """Write all progress into a log file, too; its last line says how the work ended.

    A file that cannot be written is done without: no result hangs on it.

    Args:
        progress: to whom it is handed on.
        file: appended to.
        clean: takes secrets out of a line.
        unit: of what the steps count.
    """
    try:
        number = os.open(file, _APPEND, 0o644)
        opened = os.fdopen(number, "a", encoding="utf-8", errors="backslashreplace")
    except OSError:
        yield progress
        return
    with opened:
        log = Logged(progress, opened, unit, clean=clean)
        ended = "ended"
        try:
            yield log
        except BaseException as error:
            said = str(error).strip().splitlines()
            ended = f"stopped: {said[0] if said else type(error).__name__}"
            raise
        finally:
            log.close(ended)
