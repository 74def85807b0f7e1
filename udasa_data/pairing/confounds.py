"""Confounds: what an uncertainty may measure instead of what it is meant to.

A dimension that follows the length of answers, or another dimension, measures little of its own;
pairs whose chosen answer is mostly the longer one teach a model to write more.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import msgspec
import polars as pl

from udasa_data.pairing.lengths import answer_tokens
from udasa_data.schema import Dimension


class Confounds(msgspec.Struct, frozen=True):
    """What the uncertainties go along with, beside what they are meant to measure.

    None where a figure is not defined: a rank correlation of a constant or of fewer than two
    finite rows, a share of nothing. Correlations are Spearman's, over all answers.
    """

    length_unit: str  # tokens | words
    with_length: dict[str, float | None]  # dimension → of its raw uncertainty and the length
    between: dict[str, float | None]  # "semantic ~ factual" … → of the two raw uncertainties
    refusal_rate: float | None  # of the non-empty answers
    homogeneous_share: float | None  # of the scored prompts
    mean_length_chosen: float | None
    mean_length_rejected: float | None
    chosen_longer_share: float | None  # of the pairs; equal lengths are not longer


def measure(
    answers: pl.DataFrame, pairs: pl.DataFrame | None, length: str = "n_tokens"
) -> Confounds:
    """Measure the confounds of scored answers.

    Args:
        answers: ``prompt_id, sample_id, text, u_*, refusal, homogeneous`` and the length, and
            ``reasoning`` where known, of which lengths are without; empty answers count nowhere.
        pairs: ``prompt_id, chosen_id, rejected_id``; None where no pairs were made.
        length: the column of lengths, ``n_tokens`` or ``n_words``.
    """
    keys = [key for key in ("run", "prompt_id") if key in answers.columns]
    own = pl.col(length)
    if "reasoning" in answers.columns:
        own = answer_tokens(length, pl.col("text"), pl.col("reasoning"))
    read = [*keys, "sample_id", "refusal", "homogeneous", *(f"u_{d}" for d in Dimension)]
    # texts decide what counts, and are not copied with it
    answers = answers.select(*read, own.alias(length), is_empty=pl.col("text") == "")
    non_empty = answers.filter(~pl.col("is_empty"))
    prompts = non_empty.select(*keys, "homogeneous").unique(keys)
    rho = _correlations(
        {**{str(d): non_empty[f"u_{d}"] for d in Dimension}, "length": non_empty[length]}
    )
    chosen, rejected = _lengths(answers, pairs, length)
    return Confounds(
        length_unit=length.removeprefix("n_"),
        with_length={str(d): rho[str(d), "length"] for d in Dimension},
        between={f"{a} ~ {b}": rho[str(a), str(b)] for a, b in combinations(Dimension, 2)},
        refusal_rate=_mean(non_empty["refusal"]),
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
    return _correlations({"x": x, "y": y})["x", "y"]


def correlations(confounds: Confounds) -> tuple[list[str], list[list[float | None]]]:
    """Return the rank correlations as a square: the three dimensions and the length, by name."""
    names = [*(str(d) for d in Dimension), "length"]
    known = {
        **confounds.between,
        **{f"{name} ~ length": rho for name, rho in confounds.with_length.items()},
    }
    return names, [
        [1.0 if a == b else known.get(f"{a} ~ {b}", known.get(f"{b} ~ {a}")) for b in names]
        for a in names
    ]


def _correlations(columns: Mapping[str, pl.Series]) -> dict[tuple[str, str], float | None]:
    """Return Spearman's correlation of each two columns; a whole column is ranked only once."""
    values = {name: column.cast(pl.Float64) for name, column in columns.items()}
    finite = {name: column.is_finite().fill_null(value=False) for name, column in values.items()}
    ranks = {name: c.rank() for name, c in values.items() if finite[name].all()}
    found: dict[tuple[str, str], float | None] = {}
    for a, b in combinations(columns, 2):
        if a in ranks and b in ranks:
            x, y = ranks[a], ranks[b]
        else:
            both = finite[a] & finite[b]
            x, y = values[a].filter(both).rank(), values[b].filter(both).rank()
        constant = len(x) < 2 or x.min() == x.max() or y.min() == y.max()
        found[a, b] = None if constant else float(pl.select(pl.corr(x, y)).item())
    return found


def confound_rows(confounds: Confounds) -> list[tuple[str, str]]:
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
    keys = [key for key in ("run", "prompt_id") if key in answers.columns]
    known = answers.select(*keys, "sample_id", length)
    sides = [
        pairs.select(*keys, pl.col(f"{side}_id").alias("sample_id")).join(
            known, on=[*keys, "sample_id"], how="left", maintain_order="left"
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
