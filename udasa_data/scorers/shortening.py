"""What does not fit a scorer's window is cut from the left of the conversation."""

from __future__ import annotations

import re
from typing import Any, Final

from udasa_data.scorers.conversations import conversation_text
from udasa_data.scorers.protocol import TextPair

# within so many characters the next word begins, in a script that has spaces
_WORD_END: Final = re.compile(r"\S{0,40}\s+")


def shorter_exchange(tokenizer: Any, pair: TextPair, room: int, least: int = 0) -> TextPair:
    """Return a prompt and its answer in ``room`` tokens, the answer whole as far as it fits.

    Args:
        tokenizer: of the scorer.
        pair: prompt and answer, together longer than ``room``.
        room: tokens, special ones not counted.
        least: tokens that are the prompt's even where the answer then does not fit, which is left
            to be split; 0: the answer is cut from the left itself, where it alone is too long.
    """
    answer = pair.second if least else last_tokens(tokenizer, pair.second, room)
    left = room - _size(tokenizer, answer)
    return TextPair(last_tokens(tokenizer, pair.first, max(left, least)), answer)


def shorter_context(tokenizer: Any, pair: TextPair, room: int) -> TextPair:
    """Return premise and hypothesis without the beginning of the conversation before both.

    Both lose the same; where more than the conversation would have to go, that goes alone.
    """
    whole = conversation_text([{"role": role, "content": said} for role, said in pair.turns])
    left, context, cut = _size(tokenizer, whole), whole, TextPair(pair.first, pair.second)
    while context and (over := sum(_size(tokenizer, text) for text in cut[:2]) - room) > 0:
        left -= (over + 1) // 2
        context = last_tokens(tokenizer, whole, left)
        gone = len(whole) - len(context)
        cut = TextPair(pair.first[gone:], pair.second[gone:])
    return cut


def last_tokens(tokenizer: Any, text: str, n: int) -> str:
    """Return the end of a text, ``n`` tokens at most, from the beginning of a word on."""
    fast: bool = tokenizer.is_fast
    found = tokenizer(text, add_special_tokens=False, verbose=False, return_offsets_mapping=fast)
    ids = found["input_ids"]
    if len(ids) <= n:
        return text
    if n <= 0:
        return ""
    if not fast:  # a tokenizer in Python tells no places
        return str(tokenizer.decode(ids[-n:]))
    start = found["offset_mapping"][-n][0]
    if not (text[start - 1].isspace() or text[start].isspace()):
        cut_word = _WORD_END.match(text, start)
        start = cut_word.end() if cut_word else start
    end = text[start:].lstrip()
    over = _size(tokenizer, end) - n  # a text may begin with other tokens than it goes on with
    return end if over <= 0 else last_tokens(tokenizer, text, n - over)


def _size(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
