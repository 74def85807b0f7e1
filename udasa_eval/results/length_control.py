"""Rows of SCORES of win rates with the effect of length taken out."""

from __future__ import annotations

import numpy as np
import polars as pl

from udasa_eval.results.folder import SCORES
from udasa_eval.results.metrics import ADJUSTED, CONTROLLED
from udasa_eval.stats import Floats, Gamed, LengthControlled, length_adjusted, length_controlled


def with_length_control(scores: pl.DataFrame, difficulties: pl.DataFrame | None) -> pl.DataFrame:
    """Return a task's scores with the length-controlled win rate, where it has a win rate at all.

    Of each prompt there is a row whose mean over prompts is the rate, and whose spread gives its
    standard error. The samples of a prompt are averaged first.

    Args:
        scores: rows of SCORES of one task.
        difficulties: what alpaca_eval published of its instructions (``answers.difficulties``);
            None, or with a prompt that it lacks: the rate is only adjusted for length.
    """
    if "baseline_length" not in scores["metric"]:
        return scores
    names = ("win_rate", "length", "baseline_length")
    means = (
        scores.filter(pl.col("metric").is_in(names))
        .group_by("task", "axis", "prompt_hash", "metric", maintain_order=True)
        .agg(pl.col("value").mean())
    )
    wide = means.pivot("metric", index=["task", "axis", "prompt_hash"], values="value")
    # an empty answer has no length, and no preference either
    answered = wide.filter(pl.col("length").is_not_null())
    preference, length, baseline = (_column(answered, name) for name in names)
    if not np.isfinite(preference).any():
        return scores
    name, rate = ADJUSTED, None
    if difficulties is not None:
        of_prompt = answered.join(
            difficulties.unique("prompt_hash", keep="first", maintain_order=True),
            on="prompt_hash",
            how="left",
            maintain_order="left",
        )
        gamma = _column(of_prompt, "difficulty")
        if np.isfinite(gamma).all():
            name = CONTROLLED
            rate = length_controlled(preference, length, baseline, gamma, _gamed(difficulties))
    rate = rate or length_adjusted(preference, length, baseline)
    return pl.concat([scores, _rows(answered, wide, name, rate)])


def _rows(
    answered: pl.DataFrame, wide: pl.DataFrame, name: str, rate: LengthControlled
) -> pl.DataFrame:
    ids = ("task", "axis", "prompt_hash")
    values = answered.select(*ids, value=pl.Series(rate.of_prompt))
    without = wide.filter(pl.col("length").is_null()).select(*ids, value=pl.lit(None, pl.Float64()))
    return (
        pl.concat([values, without])
        .with_columns(
            sample=pl.lit(None, pl.Int32()),
            metric=pl.lit(name),
            why=pl.when(pl.col("value").is_null()).then(pl.lit("empty answer")),
        )
        .select(SCORES.names())
        .cast(SCORES)
    )


def _gamed(difficulties: pl.DataFrame) -> Gamed:
    columns = (_column(difficulties, n) for n in ("preference", "std_delta_len", "difficulty"))
    preference, delta, difficulty = columns
    return Gamed(preference, np.tanh(delta), difficulty)


def _column(table: pl.DataFrame, name: str) -> Floats:
    return table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
