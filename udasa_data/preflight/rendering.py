"""One pair as the policy's chat template renders it, with its tokenizer alone."""

from __future__ import annotations

from typing import NamedTuple

from udasa_data.config import Sampling
from udasa_data.preflight.report import Item, collected
from udasa_data.storage import Located


class Pair(NamedTuple):
    """A rendered pair.

    Attributes:
        items: its line of the report; none where none was rendered.
        note: what the template makes of it beside what was said; None where it does not.
    """

    items: tuple[Item, ...] = ()
    note: str | None = None


def look_at_pair(
    policy: Located, sampling: Sampling, system_prompt: str | None, *, asks: bool
) -> Pair:
    """Render a pair: its prompt must begin both sides, and between it and the end stand the answer.

    Where the template makes something else of the answer that is a note, since what was said is
    trained on; a template that does not take the system prompt is a fault.

    Args:
        policy: located and pinned.
        sampling: its options of the chat template, and its tags of thoughts.
        system_prompt: of the run.
        asks: whether any prompt is a question, and not a text to be continued.
    """
    if not asks:
        return Pair()
    from udasa_data.engines.preflight import require_system_turn, try_template

    faults: list[str] = []
    note = None
    with collected(faults):
        if system_prompt is not None:
            require_system_turn(policy, system_prompt, sampling.chat_template_kwargs)
        note = try_template(policy, sampling, system_prompt)
    detail = "" if faults else note or "prompt and answer stand in it as they were said"
    return Pair((Item(what="pair", id="", detail=detail, faults=tuple(faults)),), note)
