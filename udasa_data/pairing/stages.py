"""The fifth step: how surely chosen is the better one of a pair → its training stage."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from udasa_data.schema import Stage


class Staged(NamedTuple):
    """The pairs with their ``stage`` column, and the probabilities that separate the stages."""

    pairs: pl.DataFrame
    low: float  # exploratory lies below it
    high: float  # conservative lies at or above it


def assign_stages(pairs: pl.DataFrame, cutoffs: tuple[float, float] | None = None) -> Staged:
    """Put each pair into exactly one stage by its ``p_chosen_better``.

    ``p ≥ high`` is conservative, ``low ≤ p < high`` moderate, below ``low`` exploratory: the surer
    it is that chosen is the better one, the earlier the pair is trained on.

    Args:
        pairs: a table with ``p_chosen_better``, finite.
        cutoffs: (low, high); None takes the tertiles of the pairs.

    Returns:
        the pairs in their order, with ``stage``; the thresholds are NaN when there are no pairs
        to take tertiles of.
    """
    gaps = pairs["p_chosen_better"].to_numpy()
    if cutoffs is not None:
        low, high = cutoffs
    elif len(gaps):
        low, high = (float(q) for q in np.quantile(gaps, [1 / 3, 2 / 3]))
    else:
        low = high = float("nan")
    stage = (
        pl.when(pl.col("p_chosen_better") >= high)
        .then(pl.lit(Stage.CONSERVATIVE.value))
        .when(pl.col("p_chosen_better") >= low)
        .then(pl.lit(Stage.MODERATE.value))
        .otherwise(pl.lit(Stage.EXPLORATORY.value))
    )
    return Staged(pairs.with_columns(stage.alias("stage")), low, high)
