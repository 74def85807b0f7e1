"""``Evaluation``: a results folder as tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from udasa_eval.results import MetricRecord, Results, read_results, read_tables

_METRICS: Final = pl.Schema(
    {
        "axis": pl.String(),
        "task": pl.String(),
        "metric": pl.String(),
        "value": pl.Float64(),
        "low": pl.Float64(),  # of the 95% interval
        "high": pl.Float64(),
        "stderr": pl.Float64(),
        "n": pl.Int64(),
        "unscored": pl.Int64(),
        "direction": pl.String(),  # which way is better
        "headline": pl.Boolean(),
        "comparable_with": pl.String(),  # published numbers; null: with none
    }
)
_UNSCORED: Final = pl.Schema(
    {
        "task": pl.String(),
        "metric": pl.String(),
        "why": pl.String(),
        "count": pl.Int64(),
        "examples": pl.List(pl.String()),
    }
)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation that is finished: ``Evaluation("runs/before")`` reads one of a folder.

    Attributes:
        out: the results folder.
    """

    out: str | Path

    def __repr__(self) -> str:
        heads = ", ".join(_shown(metric) for metric in self.results.metrics if metric.headline)
        return (
            f"Evaluation({str(self.out)!r}: {self.results.model.id}, {self.results.suite}: {heads})"
        )

    @cached_property
    def results(self) -> Results:
        """The content of ``results.json``: model, judges, tasks, every number, notes.

        Raises:
            UserError: the folder holds no results.
        """
        return read_results(Path(self.out))

    def metrics(self) -> pl.DataFrame:
        """Return every number, a row each: value, 95% interval, n, unscored; headlines marked."""
        rows = [
            msgspec.structs.asdict(metric) | {"axis": metric.axis.value, "metric": metric.name}
            for metric in self.results.metrics
        ]
        return pl.DataFrame([{key: row[key] for key in _METRICS} for row in rows], schema=_METRICS)

    def scores(self) -> pl.DataFrame:
        """Return what each answer scored, a row a task, metric, prompt and sample."""
        return read_tables(Path(self.out), "scores")

    def answers(self) -> pl.DataFrame:
        """Return what the model said, a row a task, prompt and sample, with what was asked."""
        return read_tables(Path(self.out), "generations")

    def unscored(self) -> pl.DataFrame:
        """Return why values are missing, a row a task, metric and reason."""
        rows = [msgspec.structs.asdict(row) for row in self.results.unscored]
        return pl.DataFrame(rows, schema=_UNSCORED)


def _shown(metric: MetricRecord) -> str:
    name = f"{metric.task.removeprefix('udasa_')} {metric.name}"
    return f"{name} {'–' if metric.value is None else f'{metric.value:.3f}'} (n = {metric.n:,})"
