"""``compare_runs()``: results folders, paired by prompt, metric by metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from msgspec.structs import replace

from udasa_data.config import Strict
from udasa_data.errors import UserError
from udasa_eval.results.folder import read_tables
from udasa_eval.results.metrics import METRICS
from udasa_eval.results.records import MetricRecord
from udasa_eval.results.runs import Run, comparable, read_runs, settings_of
from udasa_eval.results.verdicts import (
    MetricComparison,
    Paired,
    PromptDifference,
    shortened,
    verdicts,
)
from udasa_eval.stats import REPLICATES

_TEXTS: Final = 4  # prompts of a metric whose texts are looked up, at most


class RunComparison(Strict, frozen=True):
    """The output of ``udasa-eval compare``."""

    runs: dict[str, str]  # label → folder
    metrics: tuple[MetricComparison, ...]
    notes: tuple[str, ...]


def compare_runs(
    folders: Sequence[Path],
    *,
    seed: int = 0,
    replicates: int = REPLICATES,
    examples: int = 1,
    anyway: bool = False,
) -> RunComparison:
    """Compare the first run with each of the others.

    Args:
        folders: two or more results folders.
        seed: of resampling and permutation.
        replicates: of both.
        examples: prompts that differ most, a metric.
        anyway: compare runs whose settings differ, too; what differs becomes a note.

    Raises:
        UserError: fewer than two runs, no results, settings that differ, or nothing in common.
    """
    if len(folders) < 2:
        raise UserError("two or more results folders are needed")
    first, *others = read_runs(folders)
    notes: list[str] = []
    paired: list[Paired] = []
    for other in others:
        settings = settings_of(first, other)
        notes += comparable(settings, first.folder, other.folder, anyway=anyway)
        notes += _left_out(first, other)
        records = list(_metrics(first, other))
        if not records:
            raise UserError(f"{first.folder} and {other.folder}: no metric in common")
        texts = _Texts(first, other, examples)
        paired += [_pair(first, other, record, texts) for record in records]
    return RunComparison(
        runs={run.label: str(run.folder) for run in (first, *others)},
        metrics=tuple(verdicts(paired, seed=seed, replicates=replicates)),
        notes=tuple(notes),
    )


def pair_of(a: Run, b: Run, task: str, metric: str) -> Paired:
    """Return a metric that both runs have, paired by prompt; without the texts behind it.

    Raises:
        UserError: the rows behind it are missing.
    """
    record = a.metric(task, metric)
    assert record is not None
    return _pair(a, b, record, _Texts(a, b, 0))


def _metrics(a: Run, b: Run) -> Iterator[MetricRecord]:
    """Yield the metrics of both runs, in the order of the first; headline metrics lead."""
    shared = [m for m in a.results.metrics if b.metric(m.task, m.name) is not None]
    yield from sorted(shared, key=lambda m: not m.headline)


def _left_out(a: Run, b: Run) -> list[str]:
    names = [{task.name for task in run.results.tasks} for run in (a, b)]
    return [
        f"left out: task {task} is in {run.folder} only"
        for run, only in ((a, names[0] - names[1]), (b, names[1] - names[0]))
        for task in sorted(only)
    ]


def _pair(a: Run, b: Run, record: MetricRecord, texts: _Texts) -> Paired:
    """Return a metric's values on the prompts of both runs, in order of their hash."""
    other = b.metric(record.task, record.name)
    assert other is not None
    known = METRICS.get(record.name)
    within = known.within if known else None
    blank = _blank(a, b, record, other)
    sides = [_of_metric(run, record) for run in (a, b)]
    if not record.per_document and any(side.is_empty() for side in sides):
        return Paired(blank, None, None, within)
    joined = sides[0].join(sides[1], on="prompt_hash", suffix="_b").sort("prompt_hash")
    left_out = sum(len(side) for side in sides) - 2 * len(joined)
    values = [
        joined[name].fill_null(np.nan).cast(pl.Float64).to_numpy() for name in ("value", "value_b")
    ]
    scored = np.isfinite(values[0] - values[1])
    blank = replace(blank, unscored=int((~scored).sum()), only_in_one=left_out)
    if not scored.any():
        return Paired(blank, None, None, within)
    if record.per_document:
        means = [float(side[scored].mean()) for side in values]
        blank = replace(
            blank,
            value_a=means[0],
            value_b=means[1],
            differ_most=texts.differ_most(record.task, joined),
        )
    return Paired(blank, values[0], values[1], within, counted=record.per_document)


def _blank(a: Run, b: Run, record: MetricRecord, other: MetricRecord) -> MetricComparison:
    """Return the comparison of a metric that cannot be paired: the two values alone."""
    difference = None
    if not record.per_document and record.value is not None and other.value is not None:
        difference = record.value - other.value
    return MetricComparison(
        task=record.task,
        metric=record.name,
        axis=record.axis.value,
        direction=record.direction,
        headline=record.headline,
        a=a.label,
        b=b.label,
        value_a=record.value,
        value_b=other.value,
        difference=difference,
    )


def _of_metric(run: Run, record: MetricRecord) -> pl.DataFrame:
    rows = run.scores.filter(
        (pl.col("task") == record.task) & (pl.col("metric") == record.name)
    ).select("prompt_hash", "value")
    if rows.is_empty() and record.per_document:
        raise UserError(
            f"{run.folder}: results.json has {record.name} of {record.task}, but scores/ has no "
            "row of it; udasa-eval score writes them again"
        )
    return rows


class _Texts:
    """Looks up what two runs answered, reading their generations only when asked."""

    def __init__(self, a: Run, b: Run, examples: int) -> None:
        self._runs = (a, b)
        self._examples = min(examples, _TEXTS)
        self._read: list[pl.DataFrame] | None = None

    def differ_most(self, task: str, joined: pl.DataFrame) -> tuple[PromptDifference, ...]:
        """Return the prompts with the largest differences; ties by the prompt's hash."""
        gap = (pl.col("value") - pl.col("value_b")).abs()
        differing = joined.filter(gap > 0).sort(gap, "prompt_hash", descending=[True, False])
        return tuple(
            self._difference(task, row)
            for row in differing.head(self._examples).iter_rows(named=True)
        )

    def _difference(self, task: str, row: dict[str, object]) -> PromptDifference:
        if self._read is None:
            self._read = [
                read_tables(run.folder, "generations").unique(
                    ["task", "prompt_hash"], keep="first", maintain_order=True
                )
                for run in self._runs
            ]
        key = str(row["prompt_hash"])
        of_prompt = (pl.col("task") == task) & (pl.col("prompt_hash") == key)
        left, right = (
            next(table.filter(of_prompt).iter_rows(named=True), None) for table in self._read
        )
        return PromptDifference(
            prompt_hash=key,
            prompt=shortened(left["prompt"][-1]["content"]) if left and left["prompt"] else None,
            value_a=float(str(row["value"])),
            value_b=float(str(row["value_b"])),
            answer_a=shortened(left["text"]) if left else None,
            answer_b=shortened(right["text"]) if right else None,
        )
