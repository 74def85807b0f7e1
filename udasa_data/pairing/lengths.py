"""How long an answer is, where tokens were counted of thoughts and answer together."""

from __future__ import annotations

import polars as pl


def answer_tokens(tokens: str, text: pl.Expr, reasoning: pl.Expr) -> pl.Expr:
    """Return an answer's own tokens: by its share of the bytes, where something was thought.

    Args:
        tokens: the column of tokens, of both.
        text: of the answer.
        reasoning: as ``schema.SAMPLES``; null or white space: nothing was thought.
    """
    thought = reasoning.fill_null("").str.strip_chars().str.len_bytes()
    share = text.str.len_bytes() / (text.str.len_bytes() + thought)
    return pl.when(thought > 0).then(pl.col(tokens) * share).otherwise(pl.col(tokens))
