"""``build_leaderboard()``: results folders → one table of headline metrics, with its marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
import polars as pl

from udasa_data.config import Strict
from udasa_data.errors import UserError
from udasa_data.runs import key_of
from udasa_data.schema import Axis
from udasa_eval.leaderboard.winners import ColumnKey, best_of
from udasa_eval.results import (
    CategoryRate,
    Direction,
    JudgeRecord,
    MetricRecord,
    Results,
    Run,
    judges_of_metric,
    rates_by_category,
    read_runs,
    read_tables,
    truncated_of,
)

MarkKind: TypeAlias = Literal["leak", "contamination", "differs", "toy", "own"]

SIGNS: Final[Mapping[MarkKind, str]] = {
    "leak": "†",
    "contamination": "‡",
    "differs": "≠",
    "toy": "§",
    "own": "¶",
}
MEANINGS: Final[Mapping[MarkKind, str]] = {
    "leak": "a judge of this run also scored what the model was trained on",
    "contamination": "prompts of the task are among the model's training prompts",
    "differs": "judges, versions or settings differ within the column",
    "toy": "a small embedded judge, there for tests: no measure of a model",
    "own": "not comparable with published numbers: another scorer, prompt or selection",
}
_TOY: Final = "embedded-judge:"  # how the ids of the embedded judges begin
_VERSIONS: Final = frozenset({"suite", "lm-eval", "udasa"})  # marked, and compared nevertheless


class Mark(Strict, frozen=True):
    """A reason to read a number with care."""

    kind: MarkKind
    text: str

    @property
    def sign(self) -> str:
        """Return the one character it is shown as."""
        return SIGNS[self.kind]


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
    best = best_of(runs, {column.key: column.direction for column in columns}, _alike)
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
            marks=tuple(_column_marks([r for r in runs if r.metric(*key)], *key)),
        )
        for key in keys
    ]


def _column_marks(runs: Sequence[Run], task: str, metric: str) -> Iterable[Mark]:
    """Yield what is not the same in all runs of a column, with who has what."""
    settings: dict[str, dict[str, str | None]] = {}
    for run in runs:
        for name, value in _settings(run, task, metric).items():
            settings.setdefault(name, {})[run.label] = value
    for name, by_run in settings.items():
        counts = Counter(by_run.values())
        if len(counts) > 1:
            usual = counts.most_common(1)[0][0]
            others = [
                f"{value or 'none'} ({label})" for label, value in by_run.items() if value != usual
            ]
            text = f"{name}: {usual or 'none'}, but {', '.join(others)}"
            yield Mark(kind="differs", text=text)
    toys = {j.id: j.role for run in runs for j in _judges(run, metric, task) if _TOY in j.id}
    if toys:
        said = ", and of ".join(f"{role} is {judge}" for judge, role in toys.items())
        yield Mark(kind="toy", text=f"its judge of {said}")
    own = [run.label for run in runs if (m := run.metric(task, metric)) and not m.comparable_with]
    if own and not toys:
        yield Mark(kind="own", text=f"made in a way of its own: {', '.join(own)}")


def _judges(run: Run, metric: str, task: str) -> list[JudgeRecord]:
    """Return the judges that a metric of a task rests on."""
    record = run.task(task)
    if record is None or record.mode == "loglikelihood":
        return []
    roles = judges_of_metric(metric)
    return [judge for judge in run.results.judges if roles is None or judge.role in roles]


def _alike(a: Run, b: Run, key: ColumnKey) -> bool:
    """Return whether two runs' numbers in a column may be compared."""
    left, right = (
        {name: value for name, value in _settings(run, *key).items() if name not in _VERSIONS}
        for run in (a, b)
    )
    return left == right


def _settings(run: Run, task: str, metric: str) -> dict[str, str | None]:
    results, record = run.results, run.task(task)
    assert record is not None
    found: dict[str, str | None] = {
        "suite": results.suite,
        "what is asked": record.fingerprint[:12],
        "lm-eval": results.lm_eval_version,
        "udasa": results.versions.get("udasa"),
    }
    if record.decoding is not None:
        decoding = msgspec.structs.asdict(record.decoding)
        found |= {f"decoding {name}": str(v) for name, v in decoding.items() if name != "seed"}
    found |= {
        f"judge of {judge.role}": f"{judge.id} {judge.fingerprint[:19]}"
        for judge in _judges(run, metric, task)
    }
    if "win" in metric:
        found["baseline"] = results.baseline
    return found


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
        marks=tuple(_run_marks(run.results)),
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


def _run_marks(results: Results) -> Iterable[Mark]:
    """Yield scorer leaks: by the judges' own record, and by what scored the training data."""
    trained_by = {
        scorer.get("fingerprint")
        for source in results.training_data
        for scorer in _dicts(source.get("scorers"))
    }
    leaking: dict[str, list[str]] = {}
    for judge in results.judges:
        if judge.built_training_data or trained_by & {judge.fingerprint, *judge.weights}:
            leaking.setdefault(judge.id, []).append(judge.role)
    for model, roles in leaking.items():
        text = f"its judge of {', '.join(roles)}, {model}, also scored its training data"
        yield Mark(kind="leak", text=text)


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
