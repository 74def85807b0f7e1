"""What a build may start from instead of a policy: the scored answers of finished datasets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from udasa_data.errors import UserError
from udasa_data.runs.dataset_manifest import Manifest
from udasa_data.runs.finished import Finished
from udasa_data.schema import CALIBRATED


@dataclass(frozen=True)
class Origin:
    """Scored answers, and where they are from.

    Attributes:
        name: as people know it.
        manifest: of the dataset.
        scores_key: what its samples and scores are known by.
        record: where they are from, as the new run's manifest records it.
        answers: ``schema.ANSWERS`` without the calibrated columns.
        dropped: what was left out before pairing.
        notes: what a user should know about them.
    """

    name: str
    manifest: Manifest
    scores_key: str
    record: dict[str, Any]
    answers: pl.DataFrame
    dropped: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def is_merged(self) -> bool:
        """Whether it holds the answers of several runs."""
        return bool(self.record.get("merged"))


def origin_of(finished: Finished) -> Origin:
    """Return a finished dataset as something to start from.

    Raises:
        UserError: a file of it cannot be read, or answers are missing from it.
    """
    record: dict[str, Any] = {"from": finished.place, "scores": finished.scores_key}
    if finished.commit:
        record["commit"] = finished.commit
    if finished.merged:
        record["merged"] = finished.merged
    answers = finished.answers.drop(list(CALIBRATED)[2:])
    _check(finished.place, answers, finished.manifest.counts.samples)
    dropped = finished.dropped.filter(pl.col("what") != "pair")
    key = finished.scores_key
    return Origin(finished.name, finished.manifest, key, record, answers, dropped)


def _check(place: str, answers: pl.DataFrame, expected: int) -> None:
    if answers.is_empty():
        raise UserError(f"{place}: holds no scored answers to start from")
    if len(answers) != expected:
        raise UserError(
            f"{place}: its configuration samples has {len(answers):,} rows, and its manifest "
            f"counts {expected:,}"
        )
    of_prompt = answers.group_by("run", "prompt_id").agg(
        pl.len(), last=pl.col("sample_id").max(), kinds=pl.col("sample_id").n_unique()
    )
    whole = (pl.col("last") + 1 == pl.col("len")) & (pl.col("kinds") == pl.col("len"))
    if damaged := len(of_prompt.filter(~whole)):
        raise UserError(
            f"{place}: answers to {damaged:,} of its prompts are missing from the configuration "
            "samples, which count them from 0"
        )
