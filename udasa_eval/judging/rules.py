"""What can be said of an answer without a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from udasa_data.languages import count_spaced_words, spaced_words
from udasa_data.scoring import is_refusal


def without_judges(_document: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Return lm-eval's per-document metrics of a generation task.

    Args:
        _document: not needed.
        results: the answer, first and only.

    Returns:
        refusal: 1 where the answer refuses, else 0. words: how many it has.
    """
    return {
        "refusal": float(is_refusal(results[0])),
        "words": float(count_spaced_words(results[0])),
    }


def distinct(text: str, n: int) -> float | None:
    """Return distinct-n: the share of different n-grams among a text's n-grams of words.

    Li et al. 2016, arXiv 1510.03055, §5.1, here of one text. In (0, 1], higher is more varied.

    Returns:
        None for a text of fewer than n words.
    """
    words = spaced_words(text.casefold())
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None
