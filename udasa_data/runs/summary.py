"""What a run came to: the counts and costs that the table, the manifest and the card all show."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import polars as pl

from udasa_data.pairing import Confounds, ReviewSummary
from udasa_data.schema import Axis, Dimension, Stage


class StageSummary(msgspec.Struct, frozen=True):
    """The pairs of one stage; gaps are None when it has none."""

    pairs: int
    mean_delta_u: float | None
    min_delta_u: float | None
    max_delta_u: float | None


class DimensionSummary(msgspec.Struct, frozen=True):
    """How many answers a dimension applies to, and how many of them could be scored."""

    applies_to: int
    finite: int
    mean: float | None  # of the raw uncertainty


class StepCost(msgspec.Struct, frozen=True):
    """Wall time and tokens of one step, over all starts of the run."""

    seconds: float = 0.0
    tokens: int = 0

    def plus(self, seconds: float, tokens: int) -> StepCost:
        """Return the cost with more added."""
        return StepCost(self.seconds + seconds, self.tokens + tokens)


class Counts(msgspec.Struct, frozen=True):
    """What a run holds."""

    prompts: int
    samples: int
    pairs: int
    homogeneous: int
    no_claim: int  # non-empty chat answers that assert nothing checkable
    dropped: dict[str, dict[str, int]]  # what → why → how many
    stages: dict[str, StageSummary]
    dimensions: dict[str, DimensionSummary]
    thresholds: tuple[float, float] | None  # low, high of p_chosen_better


class Summary(msgspec.Struct, frozen=True):
    """Counts, confounds, costs by step, and the notes a user should read.

    ``no_pairs`` says why there are no pairs, and what to do; None where there are.
    """

    counts: Counts
    confounds: Confounds
    steps: dict[str, StepCost]
    notes: tuple[str, ...]
    no_pairs: str | None = None
    review: ReviewSummary | None = None  # what people said of the pairs


class ScoreSummary(msgspec.Struct, frozen=True):
    """What scoring a file of existing answers came to."""

    rows: int
    prompts: int
    set_aside: dict[str, dict[str, int]]  # what → why → how many
    dimensions: dict[str, DimensionSummary]
    confounds: Confounds
    notes: tuple[str, ...]


def count(
    answers: pl.DataFrame,
    pairs: pl.DataFrame,
    dropped: pl.DataFrame,
    thresholds: tuple[float, float],
) -> Counts:
    """Count a run's tables.

    Args:
        answers: all samples with their scores, ``run``, ``axis`` and ``text``.
        pairs: the staged pairs.
        dropped: all that was left out.
        thresholds: low and high of the stages, NaN when there are none.
    """
    read = ["run", "prompt_id", "axis", "n_claims", "homogeneous", *(f"u_{d}" for d in Dimension)]
    # lazily: texts decide which rows count, and are not copied with them
    non_empty = answers.lazy().filter(pl.col("text") != "").select(read).collect()
    sampled = answers.select("run", "prompt_id").unique()  # a merged run may ask twice
    # a published dataset names the prompts without scored answers in ``dropped`` alone
    aside = dropped.filter(pl.col("what") == "prompt").select("run", "prompt_id").unique()
    chat = non_empty.filter(pl.col("axis") != Axis.SENTIMENT)
    grouped: dict[str, dict[str, int]] = {}
    for what, why, n in dropped.group_by("what", "why").len().sort("what", "why").iter_rows():
        grouped.setdefault(what, {})[why] = n
    return Counts(
        prompts=len(sampled.join(aside, on=["run", "prompt_id"], how="full")),
        samples=len(answers),
        pairs=len(pairs),
        homogeneous=non_empty.filter(pl.col("homogeneous")).select("run", "prompt_id").n_unique(),
        no_claim=len(chat.filter(pl.col("n_claims") == 0)),
        dropped=grouped,
        stages={str(s): _stage(pairs.filter(pl.col("stage") == s.value)) for s in Stage},
        dimensions=count_dimensions(non_empty),
        thresholds=None if math.isnan(thresholds[0]) else thresholds,
    )


def count_dimensions(answers: pl.DataFrame) -> dict[str, DimensionSummary]:
    """Count what was scored of non-empty answers; the factual dimension applies to claims.

    Args:
        answers: not empty, with ``u_*``, ``axis`` and ``n_claims``.
    """
    claims = answers.filter((pl.col("axis") != Axis.SENTIMENT) & (pl.col("n_claims") > 0))
    return {
        str(d): _dimension(claims if d is Dimension.FACTUAL else answers, f"u_{d}")
        for d in Dimension
    }


def as_notes(counted: Mapping[str, int]) -> list[str]:
    """Return one line for each thing counted."""
    return [note.replace("{n}", f"{n:,}") for note, n in counted.items()]


def _stage(pairs: pl.DataFrame) -> StageSummary:
    if pairs.is_empty():
        return StageSummary(0, None, None, None)
    gaps = pairs["delta_u"].to_numpy()
    return StageSummary(len(gaps), float(gaps.mean()), float(gaps.min()), float(gaps.max()))


def _dimension(answers: pl.DataFrame, column: str) -> DimensionSummary:
    finite = answers[column].filter(answers[column].is_finite()).to_numpy()
    mean = float(finite.mean()) if len(finite) else None
    return DimensionSummary(len(answers), len(finite), mean)
