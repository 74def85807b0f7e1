"""How much of a text a model's vocabulary has pieces for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

# A text of which more than this is unknown is not read: what the model says of it is about the
# rest, and the same for all such texts.
MOSTLY: Final = 0.5
# A vocabulary of few pieces more than the 256 bytes is a model's that reads by bytes (ByT5).
BYTES_ALONE: Final = 1000


class Size(NamedTuple):
    """What a text is to a scorer."""

    tokens: int  # special ones not counted
    is_read: bool


class Vocabulary:
    """The pieces of a tokenizer, and which of them stand for what it does not know."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._by_bytes = len(tokenizer) < BYTES_ALONE
        self._unknown: dict[int, bool] = {}

    def tokenise(self, texts: Sequence[str]) -> list[Size]:
        """Return the number of tokens of each text, and whether it is read.

        It is read where at most half of its pieces are unknown, and these hold at most half of its
        characters: a whole Russian word may be one piece, and each letter of a Chinese one.
        """
        found = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        sizes = []
        for text, ids in zip(texts, found["input_ids"], strict=True):
            # of most texts every piece is known: then none of them has to be looked at
            has_unknown = any(map(self._is_unknown, set(ids)))
            is_read = not has_unknown or self._is_mostly_known(text)
            sizes.append(Size(len(ids), is_read))
        return sizes

    def _is_mostly_known(self, text: str) -> bool:
        fast: bool = self._tokenizer.is_fast
        found = self._tokenizer(
            text, add_special_tokens=False, verbose=False, return_offsets_mapping=fast
        )
        ids = found["input_ids"]
        unknown = np.array([self._is_unknown(piece) for piece in ids], dtype=np.float64)
        # a byte is at least a character wide; a tokenizer in Python tells no widths
        spans = found["offset_mapping"] if fast else [(0, 1)] * len(ids)
        widths = np.array([max(end - start, 1) for start, end in spans], dtype=np.float64)
        return bool(max(unknown.mean(), unknown @ widths / widths.sum()) <= MOSTLY)

    def _is_unknown(self, piece: int) -> bool:
        """Return whether a piece is "unknown", or a byte of a character without a piece."""
        if piece not in self._unknown:
            is_byte = not self._by_bytes and "\ufffd" in self._tokenizer.decode([piece])
            self._unknown[piece] = is_byte or piece == self._tokenizer.unk_token_id
        return self._unknown[piece]
