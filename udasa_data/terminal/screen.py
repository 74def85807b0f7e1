"""The one way to a terminal: whatever models, files or servers wrote is made visible, not obeyed.

An escape sequence in an answer could write the clipboard, move the cursor over a figure, or hide a
line. Every command prints through :func:`echo` or a :class:`Screen`; the test of the house sees to
it.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console
from rich.segment import Segment

from udasa_data.errors import redacted

# C0 without tab and line feed, DEL, C1, what turns the direction of text, other line ends, and
# halves of characters
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


_printed: list[float] = []  # when, by time.monotonic(); the last alone


def last_output() -> float:
    """Return when something was printed last, by ``time.monotonic()``; 0 for never."""
    return _printed[0] if _printed else 0.0


def _note_output() -> None:
    _printed[:] = [time.monotonic()]


def visible(text: str) -> str:
    """Return a text in which nothing acts on a terminal: ESC is shown as ``␛``; and no secret."""
    return _UNSEEN.sub(_picture, redacted(text))


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return f"\\u{code:04x}"  # as JSON has it, so that printed JSON stays what it is


def echo(text: str = "", *, err: bool = False, end: str = "\n") -> None:
    """Print a text as it is, made visible."""
    _note_output()
    stream = sys.stderr if err else sys.stdout
    stream.write(visible(text) + end)
    stream.flush()


class Screen(Console):
    """A console of rich's whose texts are made visible; only styles and bars are rich's own.

    Where it is no terminal nothing is cut to a width.
    """

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        super().__init__(stderr=stderr, **options)
        if not self.is_terminal and "width" not in options:  # nor is it cut to $COLUMNS
            self._width = 10_000

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        _note_output()
        # rich keeps text and control codes apart until here, where both become one string
        return super()._render_buffer(
            part if part.control else Segment(visible(part.text), part.style) for part in buffer
        )
