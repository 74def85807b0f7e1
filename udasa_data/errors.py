"""The one error a user is meant to read, and what no one is: the secrets of the process."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

_SECRETS: Final = (
    "OPENAI_API_KEY",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
_SHORTEST: Final = (
    8  # characters; shorter ones are words ("none", "EMPTY"), which local servers get
)


def install_line(extra: str) -> str:
    """Return the command that installs an extra: udasa is not on PyPI, but a folder one has."""
    return f"pip install -e '.[{extra}]' -c constraints.txt (in udasa's folder)"


class UserError(Exception):
    """Something the user can put right.

    The message is one line: what is wrong, where (file, row, column), and what to do. The CLI
    prints it and exits with status 1; library users catch it. Secrets in it are made unreadable.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class FaultsError(UserError):
    """Several mistakes that were found at once: a line each in ``lines``."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(map(redacted, lines))


def redacted(text: str) -> str:
    """Return a text without the values of keys and tokens of the environment and the Hub's login.

    For whatever others write, before it is stored or printed: a server may give back the key that
    it was sent. They are known by their value, as it is and as an address has it.
    """
    known = [(name, os.environ.get(name, "").strip()) for name in _SECRETS]
    for name, value in [*known, ("HF_TOKEN", _kept_token(_token_file()))]:
        if len(value) < _SHORTEST:
            continue
        for form in (value, quote(value, safe="")):
            if form in text:
                text = text.replace(form, f"[{name}]")
    return text


def _token_file() -> str:
    """Return where ``hf auth login`` keeps its token."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return os.environ.get("HF_TOKEN_PATH") or f"{home}/token"


@cache
def _kept_token(file: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, RuntimeError, ValueError):  # nobody is logged in
        return ""


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
