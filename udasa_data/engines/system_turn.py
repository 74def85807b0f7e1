"""What a chat template says in a system turn of its own, where a prompt has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from udasa_data.engines.templating import render

_USER: Final = {"role": "user", "content": "Hello"}
_MARK: Final = "\u2042 system \u2042"
_SHOWN: Final = 80  # characters


def own_system_prompt(tokenizer: Any, options: Mapping[str, Any]) -> str | None:
    """Return the system prompt that a template puts before a prompt without one; None: it does not.

    Args:
        tokenizer: with the chat template.
        options: of the chat template.
    """
    from jinja2 import TemplateError  # this room opens without it

    try:
        asked, plain = (
            render(tokenizer, turns, **options)
            for turns in ([{"role": "system", "content": _MARK}, _USER], [_USER])
        )
    except TemplateError:
        return None  # it takes no system turn at all
    before, mark, after = asked.partition(_MARK)
    if not (mark and plain.startswith(before) and plain.endswith(after)):
        return None
    return plain[len(before) : len(plain) - len(after)].strip() or None


def says_itself(own: str) -> str:
    """Return what a template with a system prompt of its own does, in words."""
    shown = own if len(own) <= _SHOWN else f"{own[:_SHOWN]}…"
    return f"puts its own system prompt before prompts that have none: {shown!r}"
