"""The sentences of a text, and which of them ask."""

from __future__ import annotations

from typing import Final

import regex

_HOLDS_WORD: Final = regex.compile(r"[\p{L}\p{N}_]")
_CLOSING: Final = "\"'”’) "
_CLOSING_ELSEWHERE: Final = "」』）］】》〉»›“‘\u200e\u200f\u3000"
# full-width, Arabic, Ethiopic, Vai, Coptic
_QUESTION_MARKS: Final = ("?", "？", "؟", "፧", "꘏", "⳺")
# The Armenian mark stands over the stressed vowel of the word that is asked about.
_ARMENIAN_MARK: Final = "՞"
_GREEK: Final = regex.compile(r"\p{Greek}")
# asked without a mark, as is usual in Japanese and not rare in Chinese
_ASKING: Final = regex.compile(r"(?:(?:です|ます|ません|でした|ました|でしょう)か|吗|嗎)[。．.]?$")
# Khmer's full stops, which the library does not know
_KHMER_STOP: Final = regex.compile(r"(?<=[។៕])\s*")
# Its rules for these part "ၚ ၏" (of …) and "M. Dupont"; the general ones do not.
_GENERAL: Final = frozenset({"my", "fr"})


def sentences(text: str, language: str | None = None) -> list[str]:
    """Split a text into its sentences, white space trimmed, empty ones left out.

    Sentences that hold no letter or digit (a rule, a lone bullet) are left out too; a text of a
    single fragment is one sentence, and so is a paragraph of Thai or Lao, which have no full stop.

    Args:
        text: to be split.
        language: its ISO 639-1 code, for its abbreviations; None or one without rules of its own:
            English ones, with the full stops of every script.
    """
    from sentencex import segment

    rules = "en" if language is None or language in _GENERAL else language
    pieces = segment(rules, text)
    if language == "km" or "។" in text:
        pieces = [part for piece in pieces for part in _KHMER_STOP.split(piece)]
    return [piece.strip() for piece in pieces if _HOLDS_WORD.search(piece)]


def is_question(sentence: str) -> bool:
    """Return whether a sentence ends in a question mark of its script, quotes and brackets apart.

    Greek asks with a semicolon, Armenian within the word; ``ですか`` and ``吗`` need no mark.
    """
    end = sentence.rstrip(_CLOSING + _CLOSING_ELSEWHERE)
    if end.endswith(_QUESTION_MARKS) or _ARMENIAN_MARK in end:
        return True
    if end.endswith((";", "\u037e")):
        return _GREEK.search(end) is not None
    return _ASKING.search(end) is not None
