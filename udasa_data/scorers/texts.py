"""The sentences of a text."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")


def sentences(text: str) -> list[str]:
    """Split a text into its sentences, white space trimmed, empty ones left out.

    Sentences that hold no letter or digit (a rule, a lone bullet) are left out too; a text of a
    single fragment is one sentence.
    """
    from sentencex import segment

    pieces = (piece.strip() for piece in segment("en", text))
    return [piece for piece in pieces if _WORD.search(piece)]
