"""Chosen answers that begin alike: a stock phrase that won over answers, whatever was asked."""

from __future__ import annotations

from typing import Final

import polars as pl

_OPENING: Final = 40  # characters
_FEWEST: Final = 5  # prompts
_SHARE: Final = 0.03  # of the pairs
_MOST_NOTES: Final = 3


def opening_notes(answers: pl.DataFrame, pairs: pl.DataFrame) -> list[str]:
    """Return a line for each opening that many chosen answers share, the most frequent first.

    No list of phrases and no classifier knows what the next model says instead of answering; that
    it says so to many prompts is seen. Refusals are left out: they are counted elsewhere, and where
    harm is asked for they are meant to be alike.

    Args:
        answers: as ``schema.ANSWERS``.
        pairs: staged.
    """
    refusing = answers.filter(pl.col("refusal")).select(
        "run", "prompt_id", pl.col("sample_id").alias("chosen_id")
    )
    answered = pairs.join(refusing, on=["run", "prompt_id", "chosen_id"], how="anti")
    said = pl.col("chosen").list.first().struct.field("content").str.strip_chars()
    opening = said.str.to_lowercase().str.slice(0, _OPENING)
    alike = (
        answered.select(said.alias("said"), opening.alias("opening"))
        .filter(pl.col("opening").str.len_chars() == _OPENING)
        .group_by("opening", maintain_order=True)
        .agg(pl.len().alias("n"), pl.col("said").first())
        .filter(pl.col("n") >= max(_FEWEST, _SHARE * len(pairs)))
        .sort("n", descending=True, maintain_order=True)
    )
    return [
        f"{n:,} of {len(pairs):,} chosen answers begin alike (“{_on_a_line(said)}…”): if they "
        "do not answer, training will teach that phrase"
        for n, said in alike.head(_MOST_NOTES).select("n", "said").iter_rows()
    ]


def _on_a_line(said: str) -> str:
    return " ".join(said[:_OPENING].split())
