"""Labelled prompts as answers for a build, and what a build's pairs are worth by the labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.pair_quality.corpora import CORPORA, Labelled
from udasa_data.config import BuildConfig, resolve
from udasa_data.pipeline import build
from udasa_data.scoring import read_answers
from udasa_data.storage import read_parquet

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = Mapping[str, Labelled]  # by prompt


def draw(
    data: Path, sizes: Mapping[str, int], seed: int = 0, skip: Collection[str] = ()
) -> list[Labelled]:
    """Return so many prompts of each corpus, drawn at random; no prompt twice, none to ``skip``."""
    drawn: dict[str, Labelled] = {}
    for name, size in sizes.items():
        asked = (row._replace(prompt=row.prompt.strip()) for row in CORPORA[name](data))
        rows = [row for row in asked if row.prompt not in skip]
        order = np.random.default_rng(seed).permutation(len(rows))
        for n in sorted(order[:size].tolist()):
            drawn.setdefault(rows[n].prompt, rows[n])
    return list(drawn.values())


def write_answers(rows: Sequence[Labelled], path: Path) -> None:
    """Write one row an answer, as ``build --answers`` reads them."""
    table = [
        {"prompt": r.prompt, "text": text, "axis": r.axis, "context": r.context or ""}
        for r in rows
        for text in r.answers
    ]
    pl.DataFrame(table).write_parquet(path)


def build_labelled(
    rows: Sequence[Labelled], folder: Path, scorers: str = "tiny"
) -> tuple[BuildConfig, Path]:
    """Build pairs from labelled answers as a user would, and return configuration and run."""
    folder.mkdir(parents=True, exist_ok=True)
    file, run = folder / "answers.parquet", folder / "run"
    write_answers(rows, file)
    config = resolve("labelled", {"shard_size": 16}, answers=file, scorers=scorers)
    build(config, run, origin=read_answers(file))
    return config, run


def answers_of(run: Path) -> pl.DataFrame:
    """Return a run's answers that are not empty, with ``asked``: what the user said last."""
    parts = sorted(run.glob("dataset/data/samples/*.parquet"))
    samples = pl.concat([read_parquet(part) for part in parts])
    asked = pl.col("prompt").list.last().struct.field("content")
    return samples.filter(pl.col("text") != "").with_columns(asked.alias("asked"))


def with_labels(answers: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    """Return a run's answers with ``corpus`` and ``place``: each one's number in its prompt."""
    found = [
        (labels[prompt].corpus, labels[prompt].answers.index(text))
        for prompt, text in answers.select("asked", "text").iter_rows()
    ]
    corpus, place = zip(*found, strict=True)
    return answers.with_columns(pl.Series("corpus", corpus), pl.Series("place", place))


def right(label: Labelled, chosen: int, rejected: int) -> float:
    """Return 1 where the chosen answer is the better one, 0 where the other is, NaN: undecided."""
    if (chosen, rejected) in label.better:
        return 1.0
    return 0.0 if (rejected, chosen) in label.better else float("nan")


def judged(pairs: pl.DataFrame, answers: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    """Return pairs with ``corpus``, and ``right`` as :func:`right` says.

    Args:
        pairs: ``prompt_id, chosen_id, rejected_id`` and whatever else.
        answers: with labels.
        labels: by prompt.
    """
    table = pairs
    for side in ("chosen", "rejected"):
        of_side = answers.select(
            "prompt_id", pl.col("sample_id").alias(f"{side}_id"), pl.col("place").alias(side[:1])
        )
        table = table.join(of_side, on=["prompt_id", f"{side}_id"], how="left")
    known = answers.select("prompt_id", "asked", "corpus").unique("prompt_id")
    table = table.join(known, on="prompt_id", how="left")
    values = [
        right(labels[asked], c, r) for asked, c, r in table.select("asked", "c", "r").iter_rows()
    ]
    return table.with_columns(pl.Series("right", values, dtype=pl.Float64))


def extremes(answers: pl.DataFrame, score: pl.Expr) -> pl.DataFrame:
    """Return the pair of the least and the most of a score of each prompt, where they differ."""
    scored = answers.with_columns(score.cast(pl.Float64).fill_nan(None).alias("score")).filter(
        pl.col("score").is_not_null()
    )
    by_score = scored.sort("prompt_id", "score", "place")
    sides = by_score.group_by("prompt_id", maintain_order=True).agg(
        pl.col("sample_id").first().alias("chosen_id"),
        pl.col("sample_id").last().alias("rejected_id"),
        (pl.col("score").last() > pl.col("score").first()).alias("differ"),
    )
    return sides.filter(pl.col("differ"))
