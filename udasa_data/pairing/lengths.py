"""How long an answer is, where tokens were counted of thoughts and answer together."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

FEW: Final = 16.0  # tokens: a name and a sentence of it differ by them, and teach no length


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


def length_ratio(lengths: Floats, others: Floats) -> Floats:
    """Return how many times the longer of two answers is as long as the shorter, ≥ 1.

    An answer of less than ``FEW`` tokens counts as one of so many.

    Args:
        lengths: tokens, of any shape.
        others: tokens, of a shape that goes with it.
    """
    one, other = np.maximum(lengths, FEW), np.maximum(others, FEW)
    return np.asarray(np.maximum(one, other) / np.minimum(one, other))
