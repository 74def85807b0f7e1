"""The words of a text in any script.

Chinese, Japanese, Thai, Lao, Khmer, Burmese and their like put no space between words. Each of
their characters (a base with its marks) is one of the words here, and counts for a part of one
where words are counted, so that a bound in words bounds as much text in every script.
"""

from __future__ import annotations

import math
from typing import Final

import regex

# Line_Break=Complex_Context: Thai, Lao, Khmer, Burmese, Tai Tham, … (Unicode Annex 14, "SA").
_COMPLEX: Final = r"\p{Line_Break=Complex_Context}"
_SPACELESS: Final = rf"[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}\p{{Bopomofo}}\p{{Yi}}ー{_COMPLEX}]"
_CHARACTER: Final = rf"(?={_SPACELESS})\X"  # with its marks
_PUNCTUATION: Final = r"[\p{P}\p{S}]*"
# Not `\w+`: the vowel signs of Hindi and Arabic and the joiners of Persian are no letters.
_RUN: Final = r"[\p{L}\p{N}_][\p{L}\p{N}\p{M}_\u200c\u200d]*"

_HAS_SPACELESS: Final = regex.compile(_SPACELESS)
_IS_COMPLEX: Final = regex.compile(_COMPLEX)
_WORD: Final = regex.compile(_RUN)
_WORD_OR_CHARACTER: Final = regex.compile(
    rf"{_CHARACTER}|(?!{_SPACELESS})[\p{{L}}\p{{N}}_]"
    rf"(?:(?!{_SPACELESS})[\p{{L}}\p{{N}}\p{{M}}_\u200c\u200d])*"
)
_PIECE: Final = regex.compile(rf"{_PUNCTUATION}{_CHARACTER}{_PUNCTUATION}|(?:(?!{_SPACELESS})\S)+")

# Characters of a word, about: 1.7 in the segmented Chinese corpora (Emerson 2005, table 1); in Thai
# and its neighbours three to four, marks not counted.
_CHARACTERS: Final = 1.5
_CHARACTERS_COMPLEX: Final = 3.0
_ROUNDING: Final = 1e-6


def words(text: str) -> list[str]:
    """Return the words of a text as they are written; punctuation and white space are left out.

    A word is a run of letters and digits (``don't`` is two), or one character of a script that is
    written without spaces.
    """
    pattern = _WORD_OR_CHARACTER if _HAS_SPACELESS.search(text) else _WORD
    found: list[str] = pattern.findall(text)
    return found


def spaced_words(text: str) -> list[str]:
    """Return a text cut at white space, and at each character of a script written without."""
    found: list[str] = _PIECE.findall(text) if _HAS_SPACELESS.search(text) else text.split()
    return found


def word_share(word: str) -> float:
    """Return how much of a word a word of these functions is: 1, or a part for one character."""
    if not _HAS_SPACELESS.search(word):
        return 1.0
    return 1.0 / (_CHARACTERS_COMPLEX if _IS_COMPLEX.search(word) else _CHARACTERS)


def count_words(text: str) -> int:
    """Return how many of :func:`words` a text has; of Chinese and its like, about how many."""
    return _count(text, words(text))


def count_spaced_words(text: str) -> int:
    """Return how many of :func:`spaced_words` a text has; of Chinese and its like, about."""
    return _count(text, spaced_words(text))


def opening(text: str, n: int) -> str:
    """Return the first ``n`` words of a text, punctuation with them, white space folded."""
    folded = " ".join(text.split())
    left, end = float(n), 0
    for found in _PIECE.finditer(folded):
        left -= word_share(found[0])
        if left < -_ROUNDING:
            break
        end = found.end()
    return folded[:end]


def _count(text: str, found: list[str]) -> int:
    """Return the sum of the words' shares, rounded up."""
    if not _HAS_SPACELESS.search(text):
        return len(found)
    return math.ceil(math.fsum(map(word_share, found)) - _ROUNDING)
