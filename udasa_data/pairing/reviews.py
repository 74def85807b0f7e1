"""People's verdicts on pairs, as the page of a run exports them: laid over what was paired."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Final, Literal, NamedTuple

import msgspec
import polars as pl

from udasa_data.config import read_bytes
from udasa_data.errors import UserError, first_line
from udasa_data.schema import DROPPED, Stage, Why

_KEYS: Final = ["run", "prompt_id"]
_SIDES: Final = ("chosen", "rejected")
APPROVED: Final = "approved"
FLIPPED: Final = "flipped"


class Review(msgspec.Struct, frozen=True):
    """A verdict on a pair; a line of the file. What else stands in it is for people.

    Attributes:
        prompt_id, run, chosen_id, rejected_id: of the pair as it was shown.
        verdict: approve: chosen is the better one; flip: rejected is; reject: neither, the pair
            goes; None: only noted.
        note: in words.
        chosen, rejected: the texts that were shown; where given, they must be the samples'.
    """

    prompt_id: str
    chosen_id: int
    rejected_id: int
    verdict: Literal["approve", "reject", "flip"] | None = None
    run: int = 0
    note: str = ""
    chosen: str | None = None
    rejected: str | None = None


class StageReview(msgspec.Struct, frozen=True):
    """What people said of the pairs that the model had put into one stage."""

    approved: int = 0
    flipped: int = 0
    rejected: int = 0
    expected: float | None = None  # mean P(chosen better) of those approved or flipped

    @property
    def decided(self) -> int:
        """Pairs of which people called one answer the better one."""
        return self.approved + self.flipped


class ReviewSummary(msgspec.Struct, frozen=True):
    """What became of a file of reviews.

    Attributes:
        stages: by the stage that a pair had before.
        not_found: verdicts on pairs that this build does not have.
        notes: pairs that were noted on.
    """

    stages: dict[str, StageReview]
    not_found: int = 0
    notes: int = 0

    @property
    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Stage, pairs decided, agreement with its interval, what was expected, taken out."""
        rows = []
        for name, found in self.stages.items():
            agreement = "–"
            if found.decided:
                low, high = wilson(found.approved, found.decided)
                agreement = f"{found.approved / found.decided:.2f} [{low:.2f}, {high:.2f}]"
            expected = "–" if found.expected is None else f"{found.expected:.2f}"
            counts = (f"{found.decided:,}", f"{found.rejected:,}")
            rows.append((name, counts[0], agreement, expected, counts[1]))
        return rows


class Reviewed(NamedTuple):
    """Staged pairs after review, the prompts whose pair was taken out, and what it came to."""

    pairs: pl.DataFrame
    dropped: pl.DataFrame
    summary: ReviewSummary


def read_reviews(file: Path) -> list[Review]:
    """Return the reviews of a JSON Lines file.

    Raises:
        UserError: it cannot be read, or a line is no review; names the line.
    """
    try:
        # a text may hold other ends of lines (U+2028), which JSON leaves as they are
        lines = read_bytes(file).decode("utf-8").split("\n")
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UserError(f"{file}: not UTF-8 text") from error
    reviews = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            reviews.append(msgspec.json.decode(line, type=Review))
        except ValueError as error:  # msgspec's errors are
            problem = first_line(error)
            raise UserError(
                f"{file} line {number}: no review ({problem}); the page of a run exports them"
            ) from error
    return reviews


def apply_reviews(
    staged: pl.DataFrame, answers: pl.DataFrame, reviews: Sequence[Review]
) -> Reviewed:
    """Lay reviews over staged pairs.

    A pair that people decided is taken as sure (``p_chosen_better`` 1, conservative) and marked in
    ``review``; one that they flipped has its sides exchanged, and ``delta_u`` negative. The last
    of several verdicts on a pair counts. The other pairs and the thresholds stay as they are.

    Args:
        staged: ``prompt_id, run, chosen_id, rejected_id, delta_u, se_delta, p_chosen_better,
            stage``; one pair a prompt of a run.
        answers: all answers, with ``run, prompt_id, sample_id, text``.
        reviews: of these pairs; those of others are counted as not found.
    """
    there = {(row["run"], row["prompt_id"]): row for row in staged.iter_rows(named=True)}
    last = {(review.run, review.prompt_id): review for review in reviews if review.verdict}
    texts = _texts(answers, last)
    found = {
        key: _better(review)
        for key, review in last.items()
        if key in there and _is_of(review, there[key], texts)
    }
    rows = [(*key, better) for key, better in found.items()]
    schema = {"run": pl.Int32, "prompt_id": pl.String, "better": pl.Int32}
    told = pl.DataFrame(rows, schema, orient="row").with_columns(told=True)
    joined = staged.join(told, on=_KEYS, how="left", maintain_order="left")
    summary = ReviewSummary(
        {str(stage): _counted(joined.filter(pl.col("stage") == stage.value)) for stage in Stage},
        not_found=len(last) - len(found),
        notes=sum(bool(review.note.strip()) for review in reviews),
    )
    gone = joined.filter(pl.col("told") & pl.col("better").is_null())
    return Reviewed(_kept(joined).select(*staged.columns, "review"), _dropped(gone), summary)


def wilson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share k/n (Wilson 1927, eq. 3), in [0, 1]; n ≥ 1."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    p, spread = k / n, z * z / n
    middle = (p + spread / 2) / (1 + spread)
    half = z * math.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def _texts(
    answers: pl.DataFrame, reviews: Mapping[tuple[int, str], Review]
) -> dict[tuple[int, str, int], str]:
    ids = list({prompt_id for _, prompt_id in reviews})
    rows = answers.filter(pl.col("prompt_id").is_in(ids))
    return {
        (run, prompt_id, sample): text
        for run, prompt_id, sample, text in rows.select(*_KEYS, "sample_id", "text").iter_rows()
    }


def _is_of(
    review: Review, pair: Mapping[str, int], texts: Mapping[tuple[int, str, int], str]
) -> bool:
    """Return whether a review is of a pair's two answers, whichever was chosen, to the letter."""
    if {review.chosen_id, review.rejected_id} != {pair["chosen_id"], pair["rejected_id"]}:
        return False
    shown = ((review.chosen_id, review.chosen), (review.rejected_id, review.rejected))
    return all(
        text is None or texts.get((review.run, review.prompt_id, sample)) == text
        for sample, text in shown
    )


def _better(review: Review) -> int | None:
    """Return the sample that people call the better one; None: neither."""
    if review.verdict == "reject":
        return None
    return review.chosen_id if review.verdict == "approve" else review.rejected_id


def _kept(joined: pl.DataFrame) -> pl.DataFrame:
    told, flip = pl.col("told").fill_null(value=False), pl.col("better") == pl.col("rejected_id")
    flipped = flip.fill_null(value=False)
    swapped = [
        pl.when(flipped).then(f"{other}_id").otherwise(f"{side}_id").alias(f"{side}_id")
        for side, other in zip(_SIDES, _SIDES[::-1], strict=True)
    ]
    review = pl.when(flipped).then(pl.lit(FLIPPED)).when(told).then(pl.lit(APPROVED))
    return joined.filter(~told | pl.col("better").is_not_null()).with_columns(
        *swapped,
        review.alias("review"),
        pl.when(flipped).then(-pl.col("delta_u")).otherwise("delta_u").alias("delta_u"),
        pl.when(told).then(1.0).otherwise("p_chosen_better").alias("p_chosen_better"),
        pl.when(told).then(pl.lit(Stage.CONSERVATIVE.value)).otherwise("stage").alias("stage"),
    )


def _counted(of_stage: pl.DataFrame) -> StageReview:
    told = of_stage.filter(pl.col("told"))
    decided = told.filter(pl.col("better").is_not_null())
    approved = len(decided.filter(pl.col("better") == pl.col("chosen_id")))
    expected = decided["p_chosen_better"].to_numpy()
    return StageReview(
        approved=approved,
        flipped=len(decided) - approved,
        rejected=len(told) - len(decided),
        expected=float(expected.mean()) if len(expected) else None,
    )


def _dropped(gone: pl.DataFrame) -> pl.DataFrame:
    """Return a row of ``dropped`` for each pair that people took out."""
    rows = gone.select(
        "prompt_id",
        "run",
        what=pl.lit("pair"),
        why=pl.lit(Why.REVIEWED.value),
        value=pl.lit(None, dtype=pl.Float64),
        limit=pl.lit(None, dtype=pl.Float64),
        sample_id=pl.lit(None, dtype=pl.Int32),
        detail=pl.lit(None, dtype=pl.String),
    )
    return rows.select(DROPPED.names())
