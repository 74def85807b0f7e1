"""The space before an answer's first word, which SentencePiece's decoders leave out.

Their tokens hold the space before a word (``▁good``), and a text that is decoded loses that of its
first word. Between ``[/INST]`` and an answer it is a space like any other: a tokenizer that puts
none before a text by itself would read ``[/INST]good`` as other tokens than were said.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

_TAIL: Final = 16  # tokens of the prompt's end that are decoded with the answer
_HEAD: Final = 8  # tokens of the answer


class HiddenSpace:
    """Finds it, for one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._before = lru_cache(maxsize=1024)(self._read_before)

    def before(self, prompt: Sequence[int], said: Sequence[int], text: str) -> str:
        """Return " " where an answer's text needs it to be the tokens that were said, else "".

        Args:
            prompt: the ids before it.
            said: its own ids.
            text: what they decode to by themselves.
        """
        head, decode = list(said[:_HEAD]), self._tokenizer.decode
        tail = tuple(prompt[-_TAIL:])
        if not head or not tail:
            return ""
        shown, ids = self._before(tail)
        if decode([*tail, *head]) != f"{shown} {decode(head)}":
            return ""
        read = self._tokenizer(shown + text, add_special_tokens=False)["input_ids"]
        # one that puts the space there by itself needs none
        return "" if read[: len(ids) + 1] == [*ids, head[0]] else " "

    def _read_before(self, tail: tuple[int, ...]) -> tuple[str, list[int]]:
        """Return the text of a prompt's last ids, and what that text is read as by itself."""
        shown = str(self._tokenizer.decode(list(tail)))
        return shown, self._tokenizer(shown, add_special_tokens=False)["input_ids"]
