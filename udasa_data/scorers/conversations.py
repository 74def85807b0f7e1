"""What a model that reads answers is shown: the whole conversation and the answer after it.

A model with a chat template is shown what its template makes of them. The others, and the prompts
of those that are asked in words, hold the plain rendering of :func:`conversation_text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError

from udasa_data.config import Verdict
from udasa_data.engines import render
from udasa_data.scorers.protocol import TextPair


def conversation_text(messages: Sequence[Mapping[str, str]]) -> str:
    """Return a conversation as plain text: one message alone, more with their speakers.

    ``User: …``, ``Assistant: …``, ``System: …``, an empty line between two messages.
    """
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in messages)


def exchange(messages: Sequence[Mapping[str, str]], answer: str) -> TextPair:
    """Return a conversation and an answer to it, as scorers take them.

    Args:
        messages: ``role`` and ``content`` of each turn; what is asked comes last.
        answer: what is to be scored.
    """
    turns = tuple((turn["role"], turn["content"]) for turn in messages)
    is_alone = len(turns) == 1 and turns[0][0] == "user"
    return TextPair(conversation_text(messages), answer, () if is_alone else turns)


def rendered(tokenizer: Any, pair: TextPair, verdict: Verdict | None = None) -> str | None:
    """Return the text that a tokenizer's chat template makes of a conversation and its answer.

    Where it takes no system turn, that turn's text begins the first turn of the user. None where
    it refuses the conversation. For a ``verdict`` its turn and its opening follow.
    """
    options = {"add_generation_prompt": True, **verdict.template} if verdict else {}
    opening = verdict.opening if verdict else ""
    turns = [*(pair.turns or [("user", pair.first)]), ("assistant", pair.second)]
    for some in (turns, _without_system(turns)):
        messages = [{"role": role, "content": content} for role, content in some]
        try:
            return render(tokenizer, messages, **options) + opening
        except TemplateError:
            continue
    return None


def _without_system(turns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the turns, a system turn at their head put into the user's turn after it."""
    if len(turns) > 1 and [role for role, _ in turns[:2]] == ["system", "user"]:
        return [("user", f"{turns[0][1]}\n\n{turns[1][1]}"), *turns[2:]]
    return list(turns)
