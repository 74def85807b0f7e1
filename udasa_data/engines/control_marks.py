"""What looks like a control token in a prompt for a server, whose tokenizer is not known."""

from __future__ import annotations

import re
from typing import Final

from udasa_data.engines.protocol import PolicyPrompt

# ChatML, Llama 3, Phi; Llama 2 and Mistral; Gemma; DeepSeek
_LIKELY: Final = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|<｜[^｜<>]{1,40}｜>"
)


class ControlMarks:
    """Counts prompts that a server may read as more than the text that they are."""

    def __init__(self) -> None:
        self._asked = self._found = 0

    def see(self, prompt: PolicyPrompt) -> None:
        """Count a prompt."""
        self._asked += 1
        self._found += any(_LIKELY.search(content) for _, content in prompt.turns)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know; nothing where no prompt holds any."""
        if not self._found:
            return ()
        n, asked = self._found, self._asked
        found = f"{n:,} of {asked:,} prompts ({n / asked:.2%}) hold what looks like control tokens"
        return (f"{found}: the server renders them, and may read them as its own",)
