"""Markdown that what a model or a user wrote cannot break out of."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Final

MAX_CHARACTERS: Final = 1200
_WIDTH: Final = 110
_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~@:/$&\"'^=])")


def fenced(text: str) -> str:
    """Return a text as a fenced block, which shows it letter by letter.

    The fence is longer than any run of backticks in it, so that nothing in it can close the block;
    control characters (and those that turn the direction of writing) are shown as U+FFFD. Lines
    are wrapped, and a long text is cut, with the number of characters that are missing.
    """
    shown = text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS]
    lines = [
        piece
        for line in _visible(shown).splitlines()
        for piece in textwrap.wrap(line, _WIDTH, replace_whitespace=False) or [""]
    ]
    if len(shown) < len(text):
        lines.append(f"… ({len(text) - len(shown):,} more characters)")
    return block("\n".join(lines), "text")


def block(body: str, language: str) -> str:
    """Return a fenced block of ``body`` as it is."""
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def code(text: str) -> str:
    """Return a short text as code for one line or one cell."""
    line = " ".join(_visible(text).split()).replace("`", "'").replace("|", "\\|")
    return f"`{line}`"


def inline(text: object) -> str:
    """Return a text for one line or one cell: every special character escaped."""
    line = " ".join(_visible(str(text)).split())
    return _SPECIAL.sub(r"\\\1", line)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already; ``None.`` without rows.

    Columns of figures are set to the right.
    """
    if not rows:
        return "None."
    columns = list(zip(*rows, strict=True))
    marks = ["---:" if all(map(_is_figure, column)) else "---" for column in columns]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, marks, *rows))


def _is_figure(cell: str) -> bool:
    return re.fullmatch(r"[-−+]?[\d.,]+%?|–", cell) is not None


def _visible(text: str) -> str:
    return "".join("\ufffd" if _is_hidden(character) else character for character in text)


def _is_hidden(character: str) -> bool:
    is_control = unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t"
    return (
        is_control
        or unicodedata.bidirectional(character) in _TURNING
        or character in "\u200e\u200f\u061c"
    )
