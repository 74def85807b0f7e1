"""Texts in which a question and its answer are one: by a chat template, and in other forms.

They are told and not read: of each form there are too many kinds to part it surely, and what is
taken for the question would hold the answer.
"""

from __future__ import annotations

import re
from typing import Final

_USER: Final = "user|human|prompter|instruction|system|developer"
_ASSISTANT: Final = "assistant|chatgpt|gpt|chatbot|bot|model|ai"
_HEADED: Final = (  # token before the name of a role
    "im_start|start_header_id|header_start|start_of_role|start_of_turn|start|turn|extra_id_[01]"
)
_ASKS: Final = f"{_USER}|question|query|prompt|input|q"
_ANSWERS: Final = f"{_ASSISTANT}|response|answer|output|completion|solution|reply|a"


def _mark(roles: str, *more: str) -> str:
    """Return what stands before a turn of one of some roles, as chat templates write it."""
    return "|".join(
        (
            rf"<[|｜](?:im_)?(?:{roles})(?:_token)?[|｜]>",
            rf"<\|?(?:{_HEADED})\|?>\s*(?:{roles})\b",
            rf"\[\|\s*(?:{roles})\s*\|\]",
            rf"GPT4 (?:Correct )?(?:{roles}):",
            *more,
        )
    )


_OPENS: Final = _mark(_USER, r"\[INST\]", r"\[SYSTEM_PROMPT\]")
_ANSWERED: Final = _mark(_ASSISTANT, r"\[/INST\]")
_BEFORE: Final = r"\s*(?:(?:<[|｜]?[\w▁]+[|｜]?>|\[gMASK\])\s*){0,3}?"  # BOS and its like
_RENDERED: Final = re.compile(rf"{_BEFORE}(?:{_OPENS})", re.IGNORECASE)
# between a role and what it says: the rest of a header, a line break, another token
_ANSWER: Final = re.compile(
    rf"(?:{_ANSWERED})(?:\s|:|<[|｜]?[^<>\s]*[|｜]?>|(?<=\|>)\w+(?=<\|))*[^\s<:]", re.IGNORECASE
)


class _Form:
    """A form of two kinds of marks: before a question, and before its answer.

    A text is of it that begins with the first, or with what may stand before that, and whose last
    mark is of an answer which is there. One that ends with the mark alone is a prompt.
    """

    def __init__(self, asks: str, answers: str, before: str = "", flags: int = 0) -> None:
        self._opens = re.compile(rf"\s*(?:{before})(?:{asks})", flags)
        self._marks = re.compile(rf"(?P<asks>{asks})|(?P<answers>{answers})", flags)

    def has_answer(self, text: str) -> bool:
        if not self._opens.match(text):
            return False
        last = list(self._marks.finditer(text))[-1]
        return last["answers"] is not None and bool(text[last.end() :].strip())


_LINE: Final = r"^[ \t]*"
_ANY: Final = re.IGNORECASE | re.MULTILINE
_FORMS: Final = (
    _Form(rf"<(?:{_USER})>:?", rf"<(?:{_ASSISTANT})>:?", flags=re.IGNORECASE),
    _Form(r"\[(?:USER|HUMAN)\]", r"\[(?:ASSISTANT|AI|BOT)\]"),
    _Form(  # headings, with or without a colon
        rf"{_LINE}#+[ \t]*(?:{_ASKS})[ \t]*:?[ \t]*$",
        rf"{_LINE}#+[ \t]*(?:{_ANSWERS})[ \t]*:?[ \t]*$",
        flags=_ANY,
    ),
    _Form(rf"#{{2,}}[ \t]*(?:{_ASKS}):", rf"#{{2,}}[ \t]*(?:{_ANSWERS}):", flags=re.IGNORECASE),
    _Form(
        rf"{_LINE}\*\*(?:{_ASKS})(?::\*\*|\*\*:)",
        rf"{_LINE}\*\*(?:{_ANSWERS})(?::\*\*|\*\*:)",
        flags=_ANY,
    ),
    _Form(r"\bUSER:", r"\b(?:ASSISTANT|GPT|AI|BOT):", r"(?:A chat|BEGINNING OF)[^\n]*?|"),
    _Form(
        rf"{_LINE}(?:用户|用戶|人类|问|問)[:：]",
        rf"{_LINE}(?:助手|助理|答|回答)[:：]",
        r"\[Round \d+\]\s*|",
        flags=_ANY,
    ),
    _Form(
        rf"{_LINE}(?:User|Human):",
        rf"{_LINE}(?:Falcon|Claude|Llama|Mistral|Qwen|Gemini|Gemma|Bard|Model|Chatbot|Agent):",
        flags=_ANY,
    ),
    # where there are choices, A is one of them
    _Form(
        rf"{_LINE}Q(?:uestion)?:", rf"{_LINE}A(?:nswer)?:(?!.*^[ \t]*B:)", flags=_ANY | re.DOTALL
    ),
)


def answered_text(text: str) -> str | None:
    """Return what is wrong with a text as a prompt, where an answer stands in it; else None.

    One that a chat template made for an answer to come is a prompt: its marks are read as text.
    """
    if _RENDERED.match(text) and _ANSWER.search(text):
        return "a chat template made it, with an answer in it; give messages"
    if any(form.has_answer(text) for form in _FORMS):
        return "a question and its answer stand in it as one text; give messages"
    return None
