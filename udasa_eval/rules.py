"""What can be said of an answer without a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from udasa_data.scoring.refusal import is_refusal


def without_judges(_document: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Return lm-eval's per-document metrics of a generation task.

    Args:
        _document: not needed.
        results: the answer, first and only.

    Returns:
        refusal: 1 where the answer opens by declining, else 0. words: how many it has.
    """
    return {"refusal": float(is_refusal(results[0])), "words": float(len(results[0].split()))}


def distinct(text: str, n: int) -> float | None:
    """Return distinct-n: the share of different n-grams among a text's n-grams of words.

    Li et al. 2016, arXiv 1510.03055, §5.1, here of one text. In (0, 1], higher is more varied.

    Returns:
        None for a text of fewer than n words.
    """
    words = text.casefold().split()
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def continuation(text: str) -> str:
    """Return a continuation as it follows its prefix: with a space unless punctuation begins it.

    Engines trim their texts, so the space is put back; for the policy and its reference alike.
    """
    return text if text[:1] in set(".,;:!?)'’”") else f" {text}"


def has_text() -> pl.Expr:
    """Whether a row has an answer with something in it; only such rows are judged."""
    return pl.col("text").fill_null("").str.strip_chars() != ""
