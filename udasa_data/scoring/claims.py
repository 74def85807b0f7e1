"""Claims: which sentences of an answer assert something that evidence could bear out."""

from __future__ import annotations

import re
from typing import Final

from udasa_data.languages import count_words, is_question

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
MIN_CLAIM_WORDS: Final = 3


def is_checkable(sentence: str) -> bool:
    """Return whether a sentence asserts something that evidence could bear out.

    Left out: questions, sentences of fewer than three words (an opening ``Yes,`` not counted), and
    those that begin as an opinion, apology or address (``I think``, ``Sorry``, ``Please``), which
    is known of English only.
    """
    if is_question(sentence):
        return False
    asserted = _INTERJECTIONS.sub("", sentence.lstrip("\"'“‘(-*• "), count=1)
    if count_words(asserted) < MIN_CLAIM_WORDS:
        return False
    return _NOT_AN_ASSERTION.match(asserted) is None
