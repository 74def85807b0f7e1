"""Ctrl-C and SIGTERM: the work is ended where it stands, and one line tells how it resumes."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import NoReturn


class Interrupted(BaseException):
    """A signal asked for the end; nobody but the program's own end may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def status(self) -> int:
        """What the program ends with, as shells have it."""
        return 128 + self.number


_position: list[str] = []  # where the work stands, in words; empty where it cannot be resumed


def note_position(words: str) -> None:
    """Note where the work stands, for the line that tells how it resumes."""
    _position[:] = [words]


def position() -> str:
    """Return where the work stands, as it was noted last; empty where nothing was."""
    return _position[0] if _position else ""


def line_of(interrupted: Interrupted) -> str:
    """Return the one line."""
    del interrupted
    where = f" ({position()})" if _position else ""
    return f"interrupted; the same command resumes{where}" if where else "interrupted"


def watch_signals() -> None:
    """Have Ctrl-C and SIGTERM raise :class:`Interrupted`, in the main thread alone."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted(number)
