"""What the stored answers say beside their scores: categories of prompts, and cut answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl

from udasa_data.config import Strict
from udasa_eval.results.folder import null_unless_finite
from udasa_eval.results.metrics import METRICS
from udasa_eval.stats import SHARE, mean_interval


class CategoryRate(Strict, frozen=True):
    """A metric over the prompts of one category, with its 95% interval."""

    category: str
    value: float
    low: float | None
    high: float | None
    n: int


def truncated_of(generations: pl.DataFrame) -> dict[str, int]:
    """Return by task how many answers ended at the limit of tokens.

    Args:
        generations: rows of GENERATIONS.
    """
    cut = generations.filter(pl.col("finish_reason") == "length")
    return {str(task): count for task, count in cut.group_by("task").len().iter_rows()}


def rates_by_category(
    generations: pl.DataFrame, by_prompt: pl.DataFrame, task: str, metric: str
) -> Iterator[CategoryRate]:
    """Yield a metric by category of the prompts, in the order of their names.

    Categories are what the datasets call them; where all prompts are of one, there is none.

    Args:
        generations: rows of GENERATIONS.
        by_prompt: one row a task, metric and prompt, as a ``Run`` has them.
        task: which.
        metric: which.
    """
    documents = (
        generations.filter(pl.col("task") == task)
        .unique("prompt_hash")
        .select("prompt_hash", "document")
    )
    names = [(key, category_of(document)) for key, document in documents.iter_rows()]
    if len({name for _, name in names}) < 2:
        return
    scored = by_prompt.filter(
        (pl.col("task") == task) & (pl.col("metric") == metric) & pl.col("value").is_not_null()
    ).join(pl.DataFrame(names, schema=["prompt_hash", "category"], orient="row"), on="prompt_hash")
    known = METRICS.get(metric)
    within = known.within if known else SHARE
    for (category,), rows in scored.sort("category").group_by("category", maintain_order=True):
        interval = mean_interval(rows["value"].to_numpy(), within=within)
        yield CategoryRate(
            category=str(category),
            value=interval.mean,
            low=null_unless_finite(interval.low),
            high=null_unless_finite(interval.high),
            n=interval.n,
        )


def category_of(document: str | None) -> str:
    """Return the category of a stored document; empty where it has none."""
    found = json.loads(document) if document else None
    return str(found.get("category") or "") if isinstance(found, dict) else ""
