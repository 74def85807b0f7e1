"""The one error a user is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right.

    The message is one line: what is wrong, where (file, row, column), and what to do. The CLI
    prints it and exits with status 1; library users catch it.
    """


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest of ``known``, else what there is.

    Args:
        word: what the user wrote.
        known: what would have been understood.
    """
    options = sorted(known)
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else f" (known: {', '.join(options)})"
