r"""Conversations written as one text: ``Human: …``, ``### Human: …``, ``User: …``.

The last answer in them must never reach the policy: what may hold one and cannot be read is
malformed, not a prompt.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from udasa_data.prompts.identity import unix_lines
from udasa_data.prompts.rendered import answered_text
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
# what templates say before the first turn: Alpaca's, which is no part of the question, and those
# that stand for a system prompt
_TEMPLATE: Final = re.compile(r"Below is an instruction")
_SETTING: Final = re.compile(r"A chat between|The following is a (?:conversation|chat|dialogue)")


class _Marker(NamedTuple):
    name: str
    role: str
    start: int
    end: int
    is_apart: bool  # a blank line stands before it, or nothing


def transcript_of(text: str) -> list[Message] | NoPrompt | None:
    """Return the turns of a transcript, why it cannot be read, or None for a text that is none.

    A transcript begins with a speaker, or with a template's words. In one whose answers all stand
    apart by a blank line, as in HH-RLHF, only what stands so is a turn; in another, each line that
    a speaker begins.
    """
    turns = _transcript(unix_lines(text))
    if turns is None or (isinstance(turns, list) and len(turns) == 1):
        problem = answered_text(text)
        return turns if problem is None else malformed(problem, text)
    return turns


def _transcript(text: str) -> list[Message] | NoPrompt | None:
    markers = _markers(text)
    if not any(marker.role == "user" for marker in markers):
        return None
    before = text[: markers[0].start].strip()
    if before and not (_TEMPLATE.match(before) or _SETTING.match(before)):
        return _behind_other_text(text, markers)
    turns = _conversation(text, markers)
    if isinstance(turns, list) and _SETTING.match(before):
        return [Message("system", before), *turns]
    return turns


def _conversation(text: str, markers: list[_Marker]) -> list[Message] | NoPrompt | None:
    """Return the turns from the first speaker on."""
    answers = {marker.is_apart for marker in markers if marker.role == "assistant"}
    if not answers:
        return _without_answers(text, markers)
    apart = _turns(text, [marker for marker in markers if marker.is_apart])
    if answers == {True}:
        return apart
    every = _turns(text, markers)
    if answers == {True, False} and _asked(every) != _asked(apart):
        return malformed("its answers are set apart in two ways, by lines and by blank lines", text)
    return every


def _asked(turns: list[Message]) -> list[Message]:
    """Return the turns up to the last of the user."""
    last = max((n for n, turn in enumerate(turns) if turn.role == "user"), default=-1)
    return turns[: last + 1]


def _without_answers(text: str, markers: list[_Marker]) -> list[Message] | NoPrompt | None:
    if found := _INLINE.search(text, markers[0].end):
        return malformed("an answer may stand inside a line of it", text[found.start() :])
    return _turns(text, markers) if markers[0].name in {"human", "instruction"} else None


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
