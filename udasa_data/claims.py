"""Sentences, claims and refusals: what the texts of answers are made of."""

from __future__ import annotations

import re
from typing import Final

_WORD = re.compile(r"\w+")
# An opinion, a plan, an apology or an address to the reader asserts nothing that evidence could
# bear out or refute.
_NOT_AN_ASSERTION = re.compile(
    r"(i|i['’]\w+|my|sorry|please|thanks?|thank you|let me|let['’]s)\b(?!\s+(is|are|was|were)\b)",
    re.IGNORECASE,
)
# "Yes, it boils at 100 degrees" asserts what follows the interjection.
_INTERJECTIONS = re.compile(
    r"((yes|yeah|no|sure|okay|ok|well|oh|great|hello|hi|hey)\b[\s,.!:;–—-]*)+", re.IGNORECASE
)
_REFUSAL = re.compile(
    r"\W*((i['’]m|i am) (so |very |really )?(sorry|afraid|unable|not able|not going to)|sorry[,. ]"
    r"|(i )?apologi[sz]e|unfortunately,? i"
    r"|i (can['’]t|cannot|can not|won['’]t|will not|must decline|don['’]t feel comfortable)"
    r"|as an ai|no[,.] i (can['’]t|cannot|won['’]t|will not))",
    re.IGNORECASE,
)
MIN_CLAIM_WORDS: Final = 3


def sentences(text: str) -> list[str]:
    """Split a text into its sentences, white space trimmed, empty ones left out.

    Sentences that hold no letter or digit (a rule, a lone bullet) are left out too; a text of a
    single fragment is one sentence.
    """
    from sentencex import segment

    pieces = (piece.strip() for piece in segment("en", text))
    return [piece for piece in pieces if _WORD.search(piece)]


def is_checkable(sentence: str) -> bool:
    """Return whether a sentence asserts something that evidence could bear out.

    Left out: questions, sentences of fewer than three words (an opening ``Yes,`` not counted), and
    those that begin as an opinion, apology or address (``I think``, ``Sorry``, ``Please``).
    """
    if sentence.rstrip("\"'”’) ").endswith("?"):
        return False
    asserted = _INTERJECTIONS.sub("", sentence.lstrip("\"'“‘(-*• "), count=1)
    if len(_WORD.findall(asserted)) < MIN_CLAIM_WORDS:
        return False
    return _NOT_AN_ASSERTION.match(asserted) is None


def is_refusal(text: str) -> bool:
    """Return whether an answer opens by declining (``I'm sorry``, ``I cannot``, ``As an AI``)."""
    return _REFUSAL.match(text) is not None
