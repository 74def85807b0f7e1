"""What a measure is given of a task's answers, and the rows that it makes of their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from udasa_eval.answers import Weighed, has_text
from udasa_eval.judging.judgements import Judged
from udasa_eval.judging.judges import Role
from udasa_eval.results import SCORES

Values: TypeAlias = Sequence[float | None]

_EMPTY: Final = "empty answer"


class Answered(NamedTuple):
    """A task's rows of the first pass, and what the second pass found out about them.

    Attributes:
        table: rows of GENERATIONS, all of one task.
        judged: by role, of the rows that have a text, in their order.
        reference: the same rows under the reference policy; None without one.
        baseline: the baseline's answer by prompt hash; empty without one.
        choose: lm-eval's own scoring of a document: of log-likelihoods of choices, or of an answer.
    """

    table: pl.DataFrame
    judged: Mapping[Role, Judged]
    reference: Sequence[Weighed] | None
    baseline: Mapping[str, str]
    choose: Callable[[Any, Sequence[Any]], Mapping[str, float]] | None


def with_text(answered: Answered) -> pl.DataFrame:
    """Return the rows that have a text: those that judges' numbers are about."""
    return answered.table.filter(has_text())


def long_rows(
    answered: Answered, columns: Mapping[str, tuple[Values, Sequence[str | None] | None]]
) -> pl.DataFrame:
    """Return one row a sample and metric; samples without a text are unscored in all of them."""
    ids = ("task", "axis", "prompt_hash", "sample")
    judged = with_text(answered).select(ids)
    without_text = answered.table.filter(~has_text()).select(*ids, pl.col("why").fill_null(_EMPTY))
    tables = []
    for metric, (values, why) in columns.items():
        scored = judged.with_columns(
            pl.Series("value", values, pl.Float64()),
            pl.Series("why", [None] * len(judged) if why is None else why, pl.String()),
        )
        unscored = without_text.with_columns(value=pl.lit(None, pl.Float64()))
        both = pl.concat([scored, unscored.select(scored.columns)])
        # a value that cannot be computed (no bigram in a word) has no judge to blame
        reason = pl.when(pl.col("value").is_null()).then(pl.col("why").fill_null("too short"))
        tables.append(both.with_columns(metric=pl.lit(metric), why=reason).select(SCORES.names()))
    return pl.concat(tables)


def filled(values: np.ndarray[Any, Any]) -> list[float | None]:
    """Return values with None for NaN: unscored."""
    return [None if np.isnan(value) else float(value) for value in values]


def at_least_half(p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return 1 where a probability is ½ or more, else 0; NaN stays."""
    return np.where(np.isnan(p), np.nan, (p >= 0.5).astype(float))
