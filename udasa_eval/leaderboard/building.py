"""``build_leaderboard()``: results folders → one table of headline metrics, with its marks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
import polars as pl

from udasa_data.config import Strict
from udasa_data.errors import UserError
from udasa_data.runs import key_of
from udasa_data.schema import Axis
from udasa_eval.leaderboard.marks import Mark, alike, column_marks, run_marks
from udasa_eval.leaderboard.winners import ColumnKey, best_of
from udasa_eval.results import (
    CategoryRate,
    Direction,
    MetricRecord,
    Results,
    Run,
    rates_by_category,
    read_runs,
    read_tables,
    truncated_of,
)


class Column(Strict, frozen=True):
    """The headline metric of a task."""

    axis: Axis
    task: str
    metric: str
    direction: Direction
    marks: tuple[Mark, ...]

    @property
    def key(self) -> ColumnKey:
        """Return what finds the column's metric in a run."""
        return self.task, self.metric


class Cell(Strict, frozen=True):
    """A run's number in a column.

    Attributes:
        metric: the number.
        marks: reasons to read it with care.
        best: no run of the column is found better by a paired comparison, and some run worse.
        truncated: answers that ended at the limit of tokens.
        categories: the metric by category of the task's prompts; empty where they have none.
    """

    metric: MetricRecord
    marks: tuple[Mark, ...]
    best: bool
    truncated: int = 0
    categories: tuple[CategoryRate, ...] = ()


class Row(Strict, frozen=True):
    """A run.

    Attributes:
        label: unique among the rows.
        folder: of its results.
        results: its ``results.json``.
        marks: of the run as a whole.
        cells: one a column; None where the run has no such metric, or no value of it.
        mean_rank: over the columns it has, 1 is best; what the rows are ordered by.
        config_hash: of all that was set: two runs of one hash differ in their model alone.
    """

    label: str
    folder: str
    results: Results
    marks: tuple[Mark, ...]
    cells: tuple[Cell | None, ...]
    mean_rank: float
    config_hash: str


class Leaderboard(Strict, frozen=True):
    """The table: rows in order of their mean rank, columns by axis."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def marks(self) -> list[tuple[str, Mark]]:
        """Return every mark with what it is about, once each, in the order of rows and columns."""
        found = [(row.label, mark) for row in self.rows for mark in row.marks]
        for row in self.rows:
            for column, cell in zip(self.columns, row.cells, strict=True):
                found += [(f"{row.label}, {column.task}", m) for m in (cell.marks if cell else ())]
        found += [(column.task, mark) for column in self.columns for mark in column.marks]
        return list(dict.fromkeys(found))


def build_leaderboard(folders: Sequence[Path]) -> Leaderboard:
    """Read results folders into one table.

    Raises:
        UserError: no folder, one that holds no results, one given twice, or no headline metric.
    """
    if not folders:
        raise UserError("no results folder was given")
    runs = read_runs(folders)
    columns = _columns(runs)
    if not columns:
        raise UserError(f"{folders[0]}: no task has a headline metric")
    ranks = {column.key: _ranks(runs, column) for column in columns}
    best = best_of(runs, {column.key: column.direction for column in columns}, alike)
    rows = [_row(run, columns, ranks, best) for run in runs]
    rows.sort(key=lambda row: (row.mean_rank, row.label))
    return Leaderboard(columns=tuple(columns), rows=tuple(rows))


def config_hash(results: Results) -> str:
    """Return the hash of all that was set beside the model: suite, template, tasks, judges."""
    return key_of(
        {
            "suite": results.suite,
            "template": results.template_sha256,
            "system_prompt": results.system_prompt,
            "baseline": results.baseline,
            "tasks": [
                (t.name, t.fingerprint, t.mode, msgspec.to_builtins(t.decoding))
                for t in sorted(results.tasks, key=lambda t: t.name)
            ],
            "judges": sorted((j.role, j.fingerprint) for j in results.judges),
            "lm_eval": results.lm_eval_version,
        }
    )


def _columns(runs: Sequence[Run]) -> list[Column]:
    found = {
        (m.task, m.name): (m.axis, m.direction)
        for run in runs
        for m in run.results.metrics
        if m.headline
    }
    order = list(Axis)
    keys = sorted(found, key=lambda key: order.index(found[key][0]))  # stable: tasks as they ran
    return [
        Column(
            axis=found[key][0],
            task=key[0],
            metric=key[1],
            direction=found[key][1],
            marks=tuple(column_marks([r for r in runs if r.metric(*key)], *key)),
        )
        for key in keys
    ]


def _ranks(runs: Sequence[Run], column: Column) -> dict[str, float]:
    """Return the rank of each run in a column, 1 best, ties their mean."""
    values = {
        run.label: m.value
        for run in runs
        if (m := run.metric(*column.key)) is not None and m.value is not None
    }
    sign = -1.0 if column.direction == "higher" else 1.0
    keyed = {label: sign * value for label, value in values.items()}
    return {
        label: 1.0
        + sum(other < value for other in keyed.values())
        + (sum(other == value for other in keyed.values()) - 1) / 2
        for label, value in keyed.items()
    }


def _row(
    run: Run,
    columns: Sequence[Column],
    ranks: Mapping[ColumnKey, Mapping[str, float]],
    best: Mapping[ColumnKey, Collection[str]],
) -> Row:
    generations = read_tables(run.folder, "generations")
    truncated = truncated_of(generations)
    cells = tuple(
        _cell(run, column, generations, truncated, is_best=run.label in best[column.key])
        for column in columns
    )
    ranks_of_run = [
        ranks[column.key][run.label] for column, cell in zip(columns, cells, strict=True) if cell
    ]
    return Row(
        label=run.label,
        folder=str(run.folder),
        results=run.results,
        marks=tuple(run_marks(run.results)),
        cells=cells,
        mean_rank=sum(ranks_of_run) / len(ranks_of_run) if ranks_of_run else float("inf"),
        config_hash=config_hash(run.results),
    )


def _cell(
    run: Run,
    column: Column,
    generations: pl.DataFrame,
    truncated: Mapping[str, int],
    *,
    is_best: bool,
) -> Cell | None:
    metric, task = run.metric(*column.key), run.task(column.task)
    if metric is None or metric.value is None:
        return None
    marks = []
    if task is not None and task.training_overlap:
        text = f"{task.training_overlap} of {task.documents} prompts are among its training prompts"
        marks.append(Mark(kind="contamination", text=text))
    return Cell(
        metric=metric,
        marks=tuple(marks),
        best=is_best,
        truncated=truncated.get(column.task, 0),
        categories=tuple(rates_by_category(generations, run.scores, *column.key)),
    )
