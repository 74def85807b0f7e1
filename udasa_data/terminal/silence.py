"""Where there is no terminal, a command that has long printed nothing says that it is at work."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

from udasa_data.progress import EVERY
from udasa_data.terminal.interruption import position
from udasa_data.terminal.screen import echo, last_output

_GRACE: Final = 0.05  # of the time, in which a step's own line comes first


@contextlib.contextmanager
def broken_silence(every: float = EVERY) -> Iterator[None]:
    """Print a line on standard error whenever nothing was printed for so many seconds."""
    if sys.stderr is None or sys.stderr.isatty():  # there, bars move
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(every, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(every: float, ended: threading.Event) -> None:
    began = time.monotonic()
    patience = every * (1.0 + _GRACE)
    while not ended.wait(max(0.01, max(began, last_output()) + patience - time.monotonic())):
        now = time.monotonic()
        if now - max(began, last_output()) >= patience:
            where = f"; {words}" if (words := position()) else ""
            with contextlib.suppress(OSError, ValueError):  # it may be closed or full
                echo(f"at work for {now - began:,.0f} s{where}", err=True)
