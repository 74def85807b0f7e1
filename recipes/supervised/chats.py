"""The conversations that a base model learns to answer from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from udasa_data.errors import UserError
from udasa_data.prompts import read_table

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
    for turns, where in zip(found.table["messages"].to_list(), found.places, strict=True):
        if not turns or len(turns) < 2 or turns[-1].get("role") != "assistant":
            raise UserError(
                f"{path}, {where}: 'messages' must be a list of {{role, content}} that ends with "
                "the assistant's"
            )
        rows.append({"prompt": turns[:-1], "completion": turns[-1:]})
    return Dataset.from_list(rows)
