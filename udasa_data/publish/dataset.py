"""A run's tables → a folder that is a Hub dataset repository, to the file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.publish.card import card
from udasa_data.schema import PAIRS, Stage, require
from udasa_data.summary import Summary


def write_dataset(
    folder: Path, config: BuildConfig, pairs: pl.DataFrame, samples: pl.DataFrame, summary: Summary
) -> None:
    """Write the card and the Parquet files of every configuration.

    Each stage has a folder of its own; ``all`` is the three of them, named again in the card.
    File names carry the hash of their content: ``datasets`` caches a local folder by the names in
    its card, and would give the rows of one run for those of another.

    Args:
        folder: an empty folder.
        config: of the run.
        pairs: staged pairs, in explicit conversational form (prompt, chosen, rejected are message
            lists; completions only), as TRL takes them.
        samples: every sample with its scores.
        summary: what the card tells.
    """
    require(pairs, PAIRS, "pairs")
    tables = {str(s): pairs.filter(pl.col("stage") == s.value) for s in Stage}
    written = {
        name: _write(folder / name, table) for name, table in {**tables, "samples": samples}.items()
    }
    (folder / "README.md").write_text(card(config, summary, written), encoding="utf-8")


def _write(folder: Path, table: pl.DataFrame) -> str:
    """Write a table into a new folder; return its path relative to the dataset."""
    folder.mkdir()
    path = folder / "train.parquet"
    table.write_parquet(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    named = path.rename(folder / f"train-{digest}.parquet")
    return f"{folder.name}/{named.name}"
