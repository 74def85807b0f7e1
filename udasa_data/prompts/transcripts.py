r"""Conversations written as one text: ``Human: …``, ``### Human: …``, ``User: …``.

The last answer in them must never reach the policy: what may hold one and cannot be read is
malformed, not a prompt.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from udasa_data.prompts.identity import unix_lines
from udasa_data.prompts.roles import role_of
from udasa_data.prompts.turns import Message, NoPrompt, malformed

_NAMES: Final = "human|user|assistant|ai|bot|gpt|chatgpt|system"
# at the start of a line; behind ### (Alpaca's and Guanaco's form) anywhere
_PLAIN: Final = re.compile(rf"^[ \t]*(?P<name>{_NAMES})[ \t]*:[ \t]?", re.IGNORECASE | re.MULTILINE)
_HASHED: Final = re.compile(
    rf"###[ \t]*(?P<name>{_NAMES}|instruction|response)[ \t]*:[ \t]?", re.IGNORECASE
)
_INLINE: Final = re.compile(r"(?<=\s)(?:Assistant|ASSISTANT|AI|Bot|GPT|ChatGPT):")
_ALPACA: Final = {"instruction": "user", "response": "assistant"}
_PREAMBLE: Final = "Below is an instruction"  # of Alpaca's template; no part of the question


class _Marker(NamedTuple):
    name: str
    role: str
    start: int
    end: int
    is_apart: bool  # a blank line stands before it, or nothing


def transcript_of(text: str) -> list[Message] | NoPrompt | None:
    """Return the turns of a transcript, why it cannot be read, or None for a text that is none.

    A transcript begins with a speaker. In one whose answers all stand apart by a blank line, as in
    HH-RLHF, only what stands so is a turn; in another, each line that a speaker begins.
    """
    text = unix_lines(text)
    markers = _markers(text)
    if not any(marker.role == "user" for marker in markers):
        return None
    before = text[: markers[0].start].strip()
    if before and not (markers[0].name == "instruction" and before.startswith(_PREAMBLE)):
        return _behind_other_text(text, markers)
    answers = [marker for marker in markers if marker.role == "assistant"]
    if not answers:
        if found := _INLINE.search(text, markers[0].end):
            return malformed("an answer may stand inside a line of it", text[found.start() :])
        return _turns(text, markers) if markers[0].name in {"human", "instruction"} else None
    apart = {marker.is_apart for marker in answers}
    if len(apart) > 1:
        return malformed("its answers are set apart in two ways, by lines and by blank lines", text)
    only_apart = apart == {True}
    return _turns(text, [marker for marker in markers if marker.is_apart or not only_apart])


def _markers(text: str) -> list[_Marker]:
    """Return where speakers begin: those behind ### if there are any."""
    hashed = list(_HASHED.finditer(text))
    markers: list[_Marker] = []
    for match in hashed or _PLAIN.finditer(text):
        name = match["name"].casefold()
        role = _ALPACA.get(name) or role_of(name) or ""
        if role == "system" and markers:
            continue  # a field of a form rather than a speaker
        above = text[: match.start()].rstrip(" \t")
        is_apart = bool(hashed) or not above.strip() or above.endswith("\n\n")
        markers.append(_Marker(name, role, match.start(), match.end(), is_apart))
    return markers


def _turns(text: str, markers: list[_Marker]) -> list[Message]:
    ends = [marker.start for marker in markers[1:]] + [len(text)]
    return [
        Message(marker.role, text[marker.end : end].strip())
        for marker, end in zip(markers, ends, strict=True)
    ]


def _behind_other_text(text: str, markers: list[_Marker]) -> NoPrompt | None:
    """Return that a question and an answer to it stand behind other text, None if they do not."""
    turns = _turns(text, markers)
    first = next(n for n, turn in enumerate(turns) if turn.role == "user")
    if any(turn.role == "assistant" and turn.content for turn in turns[first:]):
        return malformed("text stands before the first turn of a transcript", text)
    return None
