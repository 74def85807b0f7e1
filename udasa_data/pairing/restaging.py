"""The last steps in one: scored answers → calibrated, paired and staged.

No model, no file and no network: a build ends with it, and so does whatever starts from scores that
are there already.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.pairing.calibration import Curves, calibrate, fit_curves, read_curves
from udasa_data.pairing.pairs import make_pairs
from udasa_data.pairing.reliability import Fits, fits_of, kinds_of, p_chosen_better
from udasa_data.pairing.reviews import ReviewSummary, apply_reviews, read_reviews
from udasa_data.pairing.stages import assign_stages
from udasa_data.schema import ANSWERS, DROPPED, PAIRS, Dimension, empty, require

_KEYS = ["run", "prompt_id"]


class Restaged(NamedTuple):
    """What became of scored answers.

    Attributes:
        answers: all of them, with their calibrated columns; as ``schema.ANSWERS``.
        pairs: staged; as ``schema.PAIRS``.
        dropped: a row for each prompt without a pair.
        curves: that the uncertainties were calibrated with.
        low: exploratory lies below it; NaN without pairs, as ``high``.
        high: conservative lies at or above it.
        review: what people said of the pairs; None: nobody was asked.
    """

    answers: pl.DataFrame
    pairs: pl.DataFrame
    dropped: pl.DataFrame
    curves: Curves
    low: float
    high: float
    review: ReviewSummary | None = None


def restage(answers: pl.DataFrame, config: BuildConfig) -> Restaged:
    """Calibrate, pair and stage scored answers.

    The curves and the stages are of all runs together; pairs are made within one run.

    Args:
        answers: the columns of ``schema.ANSWERS`` without the calibrated ones; the answers to a
            prompt stand together, and prompts may have different numbers of them.
        config: its calibration, weights, pairing, stages and seed are used.

    Raises:
        UserError: ``calibration.curves`` or ``review`` cannot be read.
    """
    axes = answers["axis"].to_numpy().astype(str)
    known = config.calibration.curves
    curves = read_curves(Path(known)) if known else fit_curves(answers, axes, config.calibration)
    if answers.is_empty():
        nan = float("nan")
        return Restaged(empty(ANSWERS), empty(PAIRS), empty(DROPPED), curves, nan, nan)
    fits = fits_of(config)
    runs = [_pair_run(part, curves, config, fits) for part in _by_run_and_size(answers)]
    calibrated, paired, dropped = (pl.concat(tables) for tables in zip(*runs, strict=True))
    staged = assign_stages(_with_reliability(paired, answers, fits), config.stages.cutoffs)
    table, review = staged.pairs, None
    if config.review is not None:
        table, gone, review = apply_reviews(table, calibrated, read_reviews(Path(config.review)))
        dropped = pl.concat([dropped, gone])
    pairs = _with_texts(table, calibrated)
    return Restaged(calibrated, pairs, dropped, curves, staged.low, staged.high, review)


def _by_run_and_size(answers: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the answers in parts, each of one run and of prompts with as many answers."""
    size = pl.len().over(_KEYS).alias("size")
    sized = answers.with_columns(size)
    if sized.select("run", "size").n_unique() == 1:  # as nearly always: nothing to copy
        return [answers]
    parts = sized.partition_by("run", "size", maintain_order=True)
    return [part.drop("size") for part in parts]


class _RunPaired(NamedTuple):
    """Answers of one run, calibrated, their pairs, and the prompts without one."""

    answers: pl.DataFrame
    pairs: pl.DataFrame
    dropped: pl.DataFrame


def _pair_run(answers: pl.DataFrame, curves: Curves, config: BuildConfig, fits: Fits) -> _RunPaired:
    calibrated = calibrate(answers, curves, fits)
    added = calibrated.table.drop("prompt_id", "sample_id")
    answers = require(pl.concat([answers, added], how="horizontal"), ANSWERS, "answers")
    paired = make_pairs(answers, calibrated.replicates, config.pairing, config.seed, fits)
    run = pl.lit(answers["run"].first(), dtype=pl.Int32).alias("run")
    return _RunPaired(answers, paired.pairs.with_columns(run), paired.dropped.with_columns(run))


def _with_reliability(paired: pl.DataFrame, answers: pl.DataFrame, fits: Fits) -> pl.DataFrame:
    """Return the pairs with how likely chosen is the better one of each."""
    kinds = answers.select(*_KEYS, pl.Series("kind", kinds_of(answers))).unique(_KEYS)
    known = paired.join(kinds, on=_KEYS, how="left", maintain_order="left")
    of_pairs = known["kind"].to_numpy().astype(str)
    p = p_chosen_better(paired["delta_u"].to_numpy(), of_pairs, fits)
    return paired.with_columns(pl.Series("p_chosen_better", p, dtype=pl.Float64))


def _with_texts(staged: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs table: staged ids with their messages and uncertainties."""
    table = staged
    for side in ("chosen", "rejected"):
        message = pl.struct(pl.lit("assistant").alias("role"), pl.col("text").alias("content"))
        of_side = answers.select(
            *_KEYS,
            pl.col("sample_id").alias(f"{side}_id"),
            message.alias(side),
            *(pl.col(c).alias(f"{c}_{side}") for c in ("reasoning", "finish_reason")),
            pl.col("uncertainty").alias(f"uncertainty_{side}"),
            *(pl.col(f"u_{d}").alias(f"u_{d}_{side}") for d in Dimension),
        )
        table = table.join(of_side, on=[*_KEYS, f"{side}_id"], how="left", maintain_order="left")
    of_prompt = answers.select(*_KEYS, "prompt", "axis", "mode", "source", "context").unique(
        _KEYS, keep="first"
    )
    table = table.join(of_prompt, on=_KEYS, how="left", maintain_order="left")
    # a message becomes a list of one only now: few rows are pairs
    sides = [pl.concat_list(side) for side in ("chosen", "rejected")]
    return require(table.with_columns(sides), PAIRS, "pairs")
