"""The conversations that a base model learns to answer from."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from udasa_data.errors import UserError
from udasa_data.prompts import read_table
from udasa_data.storage import parse_json

# for a base model without a template: the end of an answer must be there to be learnt
TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'].capitalize() + ': ' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"
)


def read_chats(path: Path) -> Any:
    """Return a file of conversations as prompt and completion messages.

    Raises:
        UserError: unreadable, no column ``messages``, or a row that does not end with an answer.
    """
    from datasets import Dataset

    found = read_table(path)
    if "messages" not in found.table.columns:
        raise UserError(f"{path}: column 'messages' is missing")
    rows = []
    for cell, where in zip(found.table["messages"].to_list(), found.places, strict=True):
        turns = _turns(cell)
        if turns is None:
            raise UserError(
                f"{path}, {where}: 'messages' must be a list of {{role, content}} that ends with "
                "the assistant's"
            )
        rows.append({"prompt": turns[:-1], "completion": turns[-1:]})
    return Dataset.from_list(rows)


def _turns(cell: object) -> list[dict[str, str]] | None:
    """Return the turns of a cell, which may hold them as JSON; None where they are none."""
    if isinstance(cell, str):
        with suppress(ValueError):
            cell = parse_json(cell.encode())
    if not isinstance(cell, list) or len(cell) < 2 or not all(map(_is_turn, cell)):
        return None
    return cell if cell[-1]["role"] == "assistant" else None


def _is_turn(found: object) -> bool:
    return isinstance(found, dict) and all(
        isinstance(found.get(key), str) for key in ("role", "content")
    )
