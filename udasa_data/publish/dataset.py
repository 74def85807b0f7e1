"""A run's tables → a folder that is a Hub dataset repository, to the file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.publish.card import card
from udasa_data.schema import PAIRS, Stage, require
from udasa_data.summary import Summary

_FILE: Final = "train-00000-of-00001.parquet"


def write_dataset(
    folder: Path, config: BuildConfig, pairs: pl.DataFrame, samples: pl.DataFrame, summary: Summary
) -> None:
    """Write the card and the Parquet files of every configuration.

    Each stage has a folder of its own; ``all`` is the three of them, named again in the card.

    Args:
        folder: an empty folder.
        config: of the run.
        pairs: staged pairs, in explicit conversational form (prompt, chosen, rejected are message
            lists; completions only), as TRL takes them.
        samples: every sample with its scores.
        summary: what the card tells.
    """
    require(pairs, PAIRS, "pairs")
    for stage in Stage:
        (folder / stage).mkdir()
        pairs.filter(pl.col("stage") == stage.value).write_parquet(folder / stage / _FILE)
    (folder / "samples").mkdir()
    samples.write_parquet(folder / "samples" / _FILE)
    (folder / "README.md").write_text(card(config, summary), encoding="utf-8")
