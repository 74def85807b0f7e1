"""Texts of answers: which count as one, and how a continuation follows its prefix."""

from __future__ import annotations

import polars as pl


def continuation(text: str) -> str:
    """Return a continuation as it follows its prefix: with a space unless punctuation begins it.

    Engines trim their texts, so the space is put back; for the policy and its reference alike.
    """
    return text if text[:1] in set(".,;:!?)'’”") else f" {text}"


def has_text() -> pl.Expr:
    """Whether a row has an answer with something in it; only such rows are judged."""
    return pl.col("text").fill_null("").str.strip_chars() != ""
