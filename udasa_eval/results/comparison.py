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
from udasa_eval.results.folder import (
    Direction,
    MetricRecord,
    null_unless_finite,
    read_tables,
)
from udasa_eval.results.runs import Run, differences, read_runs
from udasa_eval.stats import REPLICATES, compare, holm

_SHOWN: Final = 2000  # characters of a prompt or an answer
_TEXTS: Final = 4  # prompts of a metric whose texts are looked up, at most


class PromptDifference(Strict, frozen=True):
    """A prompt on which two runs differ."""

    prompt_hash: str
    prompt: str | None  # null where the run stored no generations for it
    value_a: float
    value_b: float
    answer_a: str | None
    answer_b: str | None


class MetricComparison(Strict, frozen=True):
    """One metric of two runs.

    Attributes:
        difference: mean of a − b over the prompts scored in both, in the metric's own unit.
        low: of its 95% interval; null where there is none.
        high: of its 95% interval.
        p: two-sided; null for a metric that is no mean over prompts.
        p_holm: corrected for all metrics of the comparison.
        better: which of the two the corrected p-value calls better at 5%, if any.
        wins: prompts on which a is better, by the metric's direction.
        only_in_one: prompts that one run has and the other has not.
        unscored: prompts in both, without a value in one or both.
        detectable: the true difference that n prompts find with a chance of 80%.
    """

    task: str
    metric: str
    axis: str
    direction: Direction
    headline: bool
    a: str
    b: str
    value_a: float | None
    value_b: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    p: float | None = None
    p_holm: float | None = None
    better: str | None = None
    test: str | None = None
    interval: str | None = None
    wins: int = 0
    ties: int = 0
    losses: int = 0
    n: int = 0
    unscored: int = 0
    only_in_one: int = 0
    detectable: float | None = None
    differ_most: tuple[PromptDifference, ...] = ()


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
    metrics: list[MetricComparison] = []
    for other in others:
        differing = differences(first, other)
        if differing and not anyway:
            more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
            raise UserError(f"not comparable: {differing[0]}{more}; --anyway compares nevertheless")
        notes += differing + _left_out(first, other)
        records = list(_metrics(first, other))
        if not records:
            raise UserError(f"{first.folder} and {other.folder}: no metric in common")
        texts = _Texts(first, other, examples)
        metrics += [
            _compare(first, other, record, seed=seed, replicates=replicates, texts=texts)
            for record in records
        ]
    corrected = holm([np.nan if metric.p is None else metric.p for metric in metrics])
    return RunComparison(
        runs={run.label: str(run.folder) for run in (first, *others)},
        metrics=tuple(_corrected(m, p) for m, p in zip(metrics, corrected, strict=True)),
        notes=tuple(notes),
    )


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


def _compare(
    a: Run, b: Run, record: MetricRecord, *, seed: int, replicates: int, texts: _Texts
) -> MetricComparison:
    other = b.metric(record.task, record.name)
    assert other is not None
    blank = _blank(a, b, record, other)
    if not record.per_document:
        return blank
    sides = [_of_metric(run, record) for run in (a, b)]
    joined = sides[0].join(sides[1], on="prompt_hash", suffix="_b")
    left_out = sum(len(side) for side in sides) - 2 * len(joined)
    values = [
        joined[name].fill_null(np.nan).cast(pl.Float64).to_numpy() for name in ("value", "value_b")
    ]
    if not np.isfinite(values[0] - values[1]).any():
        return replace(blank, unscored=len(joined), only_in_one=left_out)
    result = compare(values[0], values[1], seed=seed, replicates=replicates)
    d = result.difference
    wins, losses = result.wins, result.losses
    if record.direction == "lower":
        wins, losses = losses, wins
    return replace(
        blank,
        difference=d.mean,
        low=null_unless_finite(d.low),
        high=null_unless_finite(d.high),
        stderr=null_unless_finite(d.stderr),
        p=result.p_value,
        test=result.test,
        interval=d.method,
        wins=wins,
        ties=result.ties,
        losses=losses,
        n=d.n,
        unscored=d.unscored,
        only_in_one=left_out,
        detectable=null_unless_finite(result.detectable),
        differ_most=texts.differ_most(record.task, joined),
    )


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


def _corrected(metric: MetricComparison, p_holm: float) -> MetricComparison:
    """Return a comparison with its corrected p-value, and who is better by it."""
    if metric.p is None or metric.difference is None:
        return metric
    better = None
    if p_holm < 0.05 and metric.difference:
        a_is_better = (metric.difference > 0) == (metric.direction == "higher")
        better = metric.a if a_is_better else metric.b
    return replace(metric, p_holm=p_holm, better=better)


def _of_metric(run: Run, record: MetricRecord) -> pl.DataFrame:
    rows = run.scores.filter(
        (pl.col("task") == record.task) & (pl.col("metric") == record.name)
    ).select("prompt_hash", "value")
    if rows.is_empty():
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
            prompt=_cut(left["prompt"][-1]["content"]) if left and left["prompt"] else None,
            value_a=float(str(row["value"])),
            value_b=float(str(row["value_b"])),
            answer_a=_cut(left["text"]) if left else None,
            answer_b=_cut(right["text"]) if right else None,
        )


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
