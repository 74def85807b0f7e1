"""Claims: which sentences of an answer assert something that evidence could bear out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from udasa_data.languages import count_words, is_question

# An opinion, a plan, an apology or an address to the reader asserts nothing that evidence could
# bear out or refute.
_NOT_AN_ASSERTION = re.compile(
    r"(i|i['’]\w+|my|sorry|please|thanks?|thank you|let me|let['’]s)\b(?!\s+(is|are|was|were)\b)",
    re.IGNORECASE,
)
# "I can tell you that vaccines cause autism" asserts what follows: the speaker stands by it.
_VOUCHED = re.compile(
    r"(?:(?:please\s+)?(?:note|remember|be aware|keep in mind|bear in mind)"
    r"|i\s+(?:can|must|should|have to|want to|would like to)\s+"
    r"(?:tell you|assure you|confirm|say|point out|add|note|inform you|remind you)"
    r"|i\s+(?:know|am sure|am certain)|i['’]m\s+(?:sure|certain)"
    r"|let me\s+(?:tell you|remind you|assure you)"
    r"|it(?:['’]s|\s+is)\s+(?:worth\s+noting|important\s+to\s+(?:note|remember)))"
    r"\s*(?:,|:|\bthat\b)\s*",
    re.IGNORECASE,
)
# "Yes, it boils at 100 degrees" asserts what follows the interjection.
_INTERJECTIONS = re.compile(
    r"\A((yes|yeah|no|sure|okay|ok|well|oh|great|hello|hi|hey)\b[\s,.!:;–—-]*)+", re.IGNORECASE
)
# "Rinse the rice": how a sentence begins that tells the reader to do something
_ORDERS: Final = """
add adjust allow apply arrange ask avoid bake begin boil bring build buy call check choose clean
click close combine come compare consider contact continue cook copy cover create cut describe
determine discuss do don't download draw drink eat enjoy ensure enter explain explore fill find
fold follow get give go heat hold identify include install join keep learn leave let listen look
make melt mix move never open pack place plan play pour practice prepare press provide put reach
read reduce refer remember remove repeat rinse roll run save say search season seek select send
serve set share sit slice speak spend spread start stay stir stop store take talk tell think
transfer try turn use visit wait wash watch wear whisk write
"""
_HEADING = re.compile(r"\s*(#{1,6}\s|\*\*[^*]+\*\*:?\s*$|[^.!?]*:\s*$)")
_LIST_MARK = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.)])\s+")
_QUOTES: Final = "\"'“‘( "
MIN_CLAIM_WORDS: Final = 3


def is_checkable(sentence: str) -> bool:
    """Return whether a sentence asserts something that evidence could bear out.

    Left out: questions, headings, sentences of fewer than three words (an opening ``Yes,`` not
    counted), instructions (``Rinse the rice``), and those that begin as an opinion, apology or
    address (``I think``, ``Sorry``, ``Please``) but for what a speaker vouches for (``Please note
    that …``, ``I can tell you that …``). Headings apart, that is known of English only.
    """
    if is_question(sentence) or _HEADING.match(sentence):
        return False
    stripped = _LIST_MARK.sub("", sentence).lstrip(_QUOTES + "*")
    asserted = _INTERJECTIONS.sub("", stripped, count=1)
    if vouched := _VOUCHED.match(asserted):
        asserted = asserted[vouched.end() :]
    if count_words(asserted) < MIN_CLAIM_WORDS:
        return False
    first = asserted.split(maxsplit=1)[0].lower().rstrip(",")
    return first not in _ORDERS.split() and _NOT_AN_ASSERTION.match(asserted) is None


def claims_of(sentences: Sequence[str], *, of_fact: bool) -> list[int]:
    """Return the numbers of an answer's sentences that are claims.

    A bare name or number ("Paris.") asserts something where it is all of an answer to a question
    of fact; a bare interjection does not.

    Args:
        sentences: of the answer.
        of_fact: whether its prompt asks for a fact.
    """
    found = [n for n, sentence in enumerate(sentences) if is_checkable(sentence)]
    if found or not of_fact or len(sentences) != 1 or is_question(sentences[0]):
        return found
    said = sentences[0].lstrip(_QUOTES)
    rest = _INTERJECTIONS.sub("", said, count=1)
    is_bare = 0 < count_words(rest) < MIN_CLAIM_WORDS
    return [0] if is_bare and _NOT_AN_ASSERTION.match(rest) is None else found
