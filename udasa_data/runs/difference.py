"""``compare()``: what changed between the pairs of two finished datasets."""

from __future__ import annotations

from typing import Final

import msgspec
import polars as pl

from udasa_data.runs.finished import Finished
from udasa_data.schema import Stage

KINDS: Final = ("gained", "lost", "flipped", "repaired", "moved", "same")
_KEYS: Final = ["run", "prompt_id"]


class Example(msgspec.Struct, frozen=True):
    """A prompt whose pair changed; sides are (chosen, rejected), None where there is no pair."""

    prompt: str
    before: tuple[str, str] | None
    after: tuple[str, str] | None
    stages: tuple[str | None, str | None]
    gaps: tuple[float | None, float | None]
    why: str | None  # of a lost pair: why it was left out; of a gained one: why it had been


class Difference(msgspec.Struct, frozen=True):
    """What became of the pairs of A in B.

    Attributes:
        pairs: in A, in B.
        counts: ``gained`` (in B alone), ``lost`` (in A alone), and of the pairs in both:
            ``flipped`` (chosen and rejected changed places), ``repaired`` (another answer on a
            side), ``moved`` (the same two answers in another stage), ``same``.
        stages: stage in A → stage in B → prompts, of pairs in both.
        why_gained: what B's new pairs were left out for in A.
        why_lost: what A's pairs are left out for in B; ``not there`` when B lacks the prompt.
        examples: of each kind but ``same``.
    """

    pairs: tuple[int, int]
    counts: dict[str, int]
    stages: dict[str, dict[str, int]]
    why_gained: dict[str, int]
    why_lost: dict[str, int]
    examples: dict[str, list[Example]]


def compare(a: Finished, b: Finished, examples: int = 2) -> Difference:
    """Compare the pairs of two datasets, prompt by prompt and text by text.

    Args:
        a: the one before.
        b: the one after.
        examples: how many of each kind, those of the widest gap first.
    """
    joined = _joined(a, b)
    both = joined.filter(pl.col("kind").is_in(["flipped", "repaired", "moved", "same"]))
    counts = dict(joined["kind"].value_counts().iter_rows())
    moves = {(x, y): n for x, y, n in both.group_by("stage_a", "stage_b").len().iter_rows()}
    return Difference(
        pairs=(len(a.pairs), len(b.pairs)),
        counts={kind: counts.get(kind, 0) for kind in KINDS},
        stages={str(x): {str(y): moves.get((x.value, y.value), 0) for y in Stage} for x in Stage},
        why_gained=_reasons(joined, "gained"),
        why_lost=_reasons(joined, "lost"),
        examples={
            kind: _examples(joined.filter(pl.col("kind") == kind), examples) for kind in KINDS[:-1]
        },
    )


def _joined(a: Finished, b: Finished) -> pl.DataFrame:
    """Return one row a prompt with a pair in either, with its ``kind`` and ``why``."""
    table = _texts(a, "a").join(_texts(b, "b"), on=_KEYS, how="full", coalesce=True)
    for reasons in (_left_out(a, "a"), _left_out(b, "b")):
        table = table.join(reasons, on=_KEYS, how="left")
    in_a, in_b = pl.col("stage_a").is_not_null(), pl.col("stage_b").is_not_null()
    chosen = pl.col("chosen_a") == pl.col("chosen_b")
    rejected = pl.col("rejected_a") == pl.col("rejected_b")
    crossed = (pl.col("chosen_a") == pl.col("rejected_b")) & (
        pl.col("rejected_a") == pl.col("chosen_b")
    )
    kind = (
        pl.when(~in_a)
        .then(pl.lit("gained"))
        .when(~in_b)
        .then(pl.lit("lost"))
        .when(crossed)
        .then(pl.lit("flipped"))
        .when(~(chosen & rejected))
        .then(pl.lit("repaired"))
        .when(pl.col("stage_a") != pl.col("stage_b"))
        .then(pl.lit("moved"))
        .otherwise(pl.lit("same"))
    )
    why = pl.when(~in_a).then("why_a").when(~in_b).then("why_b")
    return table.with_columns(kind=kind, why=why)


def _texts(finished: Finished, side: str) -> pl.DataFrame:
    last = {name: pl.col(name).list.last() for name in ("prompt", "chosen", "rejected")}
    return finished.pairs.select(
        *_KEYS,
        pl.col("stage").alias(f"stage_{side}"),
        pl.col("delta_u").alias(f"gap_{side}"),
        *(turn.struct["content"].alias(f"{name}_{side}") for name, turn in last.items()),
    )


def _left_out(finished: Finished, side: str) -> pl.DataFrame:
    """Return why each prompt without a pair has none."""
    ended = finished.dropped.filter(pl.col("what").is_in(["pair", "prompt"]))
    return ended.unique(_KEYS).select(*_KEYS, pl.col("why").alias(f"why_{side}"))


def _reasons(joined: pl.DataFrame, kind: str) -> dict[str, int]:
    reasons = joined.filter(pl.col("kind") == kind)["why"].fill_null("not there")
    return dict(sorted(reasons.value_counts().iter_rows(), key=lambda row: (-row[1], row[0])))


def _examples(rows: pl.DataFrame, n: int) -> list[Example]:
    widest = rows.sort(pl.max_horizontal("gap_a", "gap_b"), "prompt_id", descending=[True, False])
    return [
        Example(
            prompt=row["prompt_b"] or row["prompt_a"],
            before=(row["chosen_a"], row["rejected_a"]) if row["stage_a"] else None,
            after=(row["chosen_b"], row["rejected_b"]) if row["stage_b"] else None,
            stages=(row["stage_a"], row["stage_b"]),
            gaps=(row["gap_a"], row["gap_b"]),
            why=row["why"],
        )
        for row in widest.head(n).iter_rows(named=True)
    ]
