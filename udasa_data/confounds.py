"""Confounds: what an uncertainty may measure instead of what it is meant to.

A dimension that follows the length of answers, or another dimension, tells little of its own; pairs
whose chosen answer is mostly the longer one teach a model to write more.
"""

from __future__ import annotations

from itertools import combinations

import polars as pl

from udasa_data.schema import Dimension
from udasa_data.summary import Confounds


def measure(
    answers: pl.DataFrame, pairs: pl.DataFrame | None, length: str = "n_tokens"
) -> Confounds:
    """Measure the confounds of scored answers.

    Args:
        answers: ``prompt_id, sample_id, text, u_*, refusal, homogeneous`` and the length; empty
            answers count nowhere.
        pairs: ``prompt_id, chosen_id, rejected_id``; None where no pairs were made.
        length: the column of lengths, ``n_tokens`` or ``n_words``.
    """
    said = answers.filter(pl.col("text") != "")
    prompts = said.select("prompt_id", "homogeneous").unique("prompt_id")
    chosen, rejected = _lengths(answers, pairs, length)
    return Confounds(
        length_unit=length.removeprefix("n_"),
        with_length={str(d): spearman(said[f"u_{d}"], said[length]) for d in Dimension},
        between={
            f"{a} ~ {b}": spearman(said[f"u_{a}"], said[f"u_{b}"])
            for a, b in combinations(Dimension, 2)
        },
        refusal_rate=_mean(said["refusal"]),
        homogeneous_share=_mean(prompts["homogeneous"]),
        mean_length_chosen=_mean(chosen),
        mean_length_rejected=_mean(rejected),
        chosen_longer_share=_mean(chosen > rejected),
    )


def spearman(x: pl.Series, y: pl.Series) -> float | None:
    """Return Spearman's rank correlation over the rows where both are finite.

    ρ = Pearson's correlation of the ranks, ties at their mean rank (Spearman 1904).

    Returns:
        in [−1, 1]; None with fewer than two such rows, or where either side is constant.
    """
    both = pl.DataFrame({"x": x.cast(pl.Float64), "y": y.cast(pl.Float64)}).filter(
        pl.col("x").is_finite() & pl.col("y").is_finite()
    )
    if both["x"].n_unique() < 2 or both["y"].n_unique() < 2:
        return None
    return float(both.select(pl.corr("x", "y", method="spearman")).item())


def told(confounds: Confounds) -> list[tuple[str, str]]:
    """Return the figures as (what, how much), for a table; pairs are left out where none are."""
    unit = confounds.length_unit
    rows = [
        *((f"{name} ~ length", _figure(rho)) for name, rho in confounds.with_length.items()),
        *((name, _figure(rho)) for name, rho in confounds.between.items()),
        ("refusals", _percent(confounds.refusal_rate)),
        ("homogeneous prompts", _percent(confounds.homogeneous_share)),
    ]
    chosen, rejected = confounds.mean_length_chosen, confounds.mean_length_rejected
    if chosen is not None and rejected is not None:
        rows += [
            (f"chosen, mean {unit}", f"{chosen:.1f}"),
            (f"rejected, mean {unit}", f"{rejected:.1f}"),
            ("chosen is longer", _percent(confounds.chosen_longer_share)),
        ]
    return rows


def _lengths(
    answers: pl.DataFrame, pairs: pl.DataFrame | None, length: str
) -> tuple[pl.Series, pl.Series]:
    """Return the lengths of chosen and of rejected answers, [P] each."""
    if pairs is None:
        return pl.Series(dtype=pl.Float64), pl.Series(dtype=pl.Float64)
    known = answers.select("prompt_id", "sample_id", length)
    sides = [
        pairs.select("prompt_id", pl.col(f"{side}_id").alias("sample_id")).join(
            known, on=["prompt_id", "sample_id"], how="left", maintain_order="left"
        )[length]
        for side in ("chosen", "rejected")
    ]
    return sides[0], sides[1]


def _mean(values: pl.Series) -> float | None:
    return None if values.is_empty() else float(values.cast(pl.Float64).to_numpy().mean())


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
