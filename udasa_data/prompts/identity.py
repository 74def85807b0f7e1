"""What a prompt is known by: its id, and within it the question that decides its split."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_HALF: Final = 32  # hex digits, 128 bits
_ID: Final = re.compile(r"[0-9a-f]{64}")
_BLANK_LINES: Final = re.compile(r"\A(?:[ \t]*\n)+")
# characters that Unicode counts as letters and symbols, and that show nothing
_FILLERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})  # controls, formats, white space


def unix_lines(text: str) -> str:
    r"""Return a text whose lines end in ``\n``, whichever system wrote it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def canonical(text: str) -> str:
    r"""Return a text as a prompt keeps it.

    Lines end in ``\n``; blank lines before it and white space after it are gone. All else stays:
    case, indentation, superscripts, and how letters are composed.
    """
    return _BLANK_LINES.sub("", unix_lines(text)).rstrip()


def shows_nothing(text: str) -> bool:
    """Return whether all of a text is white space and characters that nobody sees."""
    return all(char in _FILLERS or unicodedata.category(char) in _UNSEEN for char in text)


def prompt_id(messages: Iterable[tuple[str, str]], mode: str, context: str | None) -> str:
    """Return the id of a prompt, 64 hex digits.

    The first half is of all that makes the prompt: messages, mode and evidence, to the letter but
    for how letters are composed (NFC). The second is of its question, see :func:`question_of`.

    Args:
        messages: (role, content), as :func:`canonical` leaves contents.
        mode: ``chat`` or ``completion``.
        context: the evidence.
    """
    turns = [(role, unicodedata.normalize("NFC", content)) for role, content in messages]
    evidence = unicodedata.normalize("NFC", context or "")
    return _half([turns, mode, evidence]) + question_of(turns)


def question_of(messages: Iterable[tuple[str, str]]) -> str:
    """Return the hash of what is asked, 32 hex digits: the messages alone, and those folded.

    Case, white space and the forms of characters (NFKC) do not count: what is near-equal must not
    be trained on and held out.
    """
    return _half([(role, fold(content)) for role, content in messages])


def question_in(prompt_id: str) -> str:
    """Return the question's half of an id of ours; an id that someone else gave as it is."""
    return prompt_id[_HALF:] if _ID.fullmatch(prompt_id) else prompt_id


def fold(text: str) -> str:
    """Return a text without case, forms of characters (NFKC) and differences of white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _half(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_HALF]
