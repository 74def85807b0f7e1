"""Real answers of ten models to score, and the pairs of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from benchmarks.paths import require_data
from udasa_data.scorers.protocol import TextPair

MOST_WORDS: Final = 160


def answers(n_prompts: int, seed: int = 0) -> list[list[str]]:
    """Return ten models' answers, no two alike, to each of some prompts drawn at random.

    Of those prompts whose answers, two at a time, fit into the model's window: what does not, the
    peers cut and we split, which would not be the same work.

    Raises:
        SystemExit: the data is not there.
    """
    table = pl.read_parquet(require_data("alpaca_eval/model_outputs.parquet"))
    by_prompt = table.sort("idx", "generator").group_by("idx", maintain_order=True).agg("output")
    words = pl.col("output").list.eval(pl.element().str.count_matches(r"\S+"))
    distinct = pl.col("output").list.n_unique() == pl.col("output").list.len()
    whole = by_prompt.filter(distinct, words.list.min() > 0, words.list.max() <= MOST_WORDS)
    drawn = np.random.default_rng(seed).choice(len(whole), n_prompts, replace=False)
    outputs: list[list[str]] = whole["output"].gather(drawn).to_list()
    return outputs


def between(texts: list[str]) -> list[TextPair]:
    """Return the ordered pairs of answers; equal texts entail each other without a model."""
    return [TextPair(a, b) for i, a in enumerate(texts) for b in texts if texts[i] != b]
