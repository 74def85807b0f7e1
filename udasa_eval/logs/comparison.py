"""``compare_logs()``: other programs' logs, paired by document, metric by metric."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from udasa_data.errors import UserError
from udasa_eval.logs.ids import kinds_note
from udasa_eval.logs.loading import read_log
from udasa_eval.logs.records import Log, LoggedMetric, LoggedTask
from udasa_eval.results import (
    MetricComparison,
    Paired,
    PromptDifference,
    RunComparison,
    comparable,
    labels_of,
    shortened,
    verdicts,
)
from udasa_eval.stats import REPLICATES, SHARE, Floats


def compare_logs(
    places: Sequence[Path],
    *,
    seed: int = 0,
    replicates: int = REPLICATES,
    examples: int = 1,
    anyway: bool = False,
    lower: Collection[str] = (),
) -> RunComparison:
    """Compare the first log with each of the others, as :func:`compare_runs` compares runs.

    The first metric of a task is its headline. Scores that all lie in [0, 1] are taken for shares.

    Args:
        places: two or more files or folders of logs of one program.
        seed: of resampling.
        replicates: of it.
        examples: documents that differ most, a metric.
        anyway: compare logs whose settings differ, too; what differs becomes a note.
        lower: names of metrics of which lower is better, where the log does not say it.

    Raises:
        UserError: fewer than two logs, of two programs, settings that differ, or nothing in common.
    """
    first, *others = logs = [read_log(place) for place in places]
    if not others:
        raise UserError("two or more logs are needed")
    labels = labels_of([log.model for log in logs], [place.resolve() for place in places])
    notes: list[str] = [note for log in logs for note in log.notes]
    paired: list[Paired] = []
    for other, label in zip(others, labels[1:], strict=True):
        if other.program != first.program:
            raise UserError(
                f"{first.place} is a log of {first.program}, {other.place} of {other.program}; "
                "give logs of one program"
            )
        notes += comparable(_settings(first, other), first.place, other.place, anyway=anyway)
        notes += _of_tasks(first, other)
        found = list(_pairs(first, other, (labels[0], label), examples, lower))
        if not found:
            raise UserError(f"{first.place} and {other.place}: no metric in common")
        if all(pair.a is None for pair in found):
            raise UserError(f"{first.place} and {other.place}: no document in common")
        paired += sorted(found, key=lambda pair: not pair.blank.headline)
    return RunComparison(
        runs={label: str(log.place) for label, log in zip(labels, logs, strict=True)},
        metrics=tuple(verdicts(paired, seed=seed, replicates=replicates)),
        notes=tuple(notes),
    )


def _settings(a: Log, b: Log) -> Iterator[tuple[str, str | None, str | None]]:
    for name in a.tasks.keys() & b.tasks.keys():
        left, right = a.tasks[name].asked, b.tasks[name].asked
        for key in sorted(left.keys() & right.keys()):
            yield f"task {name}, {key}", left[key], right[key]


def _of_tasks(a: Log, b: Log) -> Iterator[str]:
    """Yield notes: tasks of one log alone, other prompts of the same documents, kinds of ids."""
    for log, against in ((a, b), (b, a)):
        for task in sorted(log.tasks.keys() - against.tasks.keys()):
            yield f"left out: task {task} is in {log.place} only"
    for name in sorted(a.tasks.keys() & b.tasks.keys()):
        left, right = a.tasks[name], b.tasks[name]
        shared = left.texts.keys() & right.texts.keys()
        differing = sum(left.texts[key].prompt != right.texts[key].prompt for key in shared)
        if differing:
            yield f"task {name}: {differing} of {len(shared)} documents have another prompt"
        if left.kinds and right.kinds:
            yield from kinds_note("id", a.place, b.place, left.kinds, right.kinds)


def _pairs(
    a: Log, b: Log, labels: tuple[str, str], examples: int, lower: Collection[str]
) -> Iterator[Paired]:
    for name, left in a.tasks.items():
        right = b.tasks.get(name)
        of_b = {metric.name: metric for metric in right.metrics} if right else {}
        for number, metric in enumerate(left.metrics):
            if right is not None and metric.name in of_b:
                blank = MetricComparison(
                    task=name,
                    metric=metric.name,
                    axis="",  # other programs have none
                    direction="lower" if metric.name in lower else metric.direction,
                    headline=number == 0,
                    a=labels[0],
                    b=labels[1],
                    value_a=None,
                    value_b=None,
                )
                yield _pair(blank, metric, of_b[metric.name], left, right, examples)


def _pair(
    blank: MetricComparison,
    a: LoggedMetric,
    b: LoggedMetric,
    left: LoggedTask,
    right: LoggedTask,
    examples: int,
) -> Paired:
    """Return a metric's values on the documents of both logs, in order of their keys."""
    shared = sorted(a.values.keys() & b.values.keys())
    of_a, of_b = (np.array([side.values[key] for key in shared], float) for side in (a, b))
    scored = np.isfinite(of_a - of_b)
    blank = replace(
        blank,
        unscored=int((~scored).sum()),
        only_in_one=len(a.values.keys() ^ b.values.keys()),
    )
    if not scored.any():
        return Paired(blank, None, None, None)
    gap = np.where(scored, np.abs(of_a - of_b), 0.0)
    most = [n for n in np.argsort(-gap, kind="stable")[:examples] if gap[n] > 0]
    blank = replace(
        blank,
        value_a=float(of_a[scored].mean()),
        value_b=float(of_b[scored].mean()),
        differ_most=tuple(
            PromptDifference(
                prompt_hash=shared[n],
                prompt=shortened(left.texts[shared[n]].prompt),
                value_a=float(of_a[n]),
                value_b=float(of_b[n]),
                answer_a=shortened(left.texts[shared[n]].answer),
                answer_b=shortened(right.texts[shared[n]].answer),
            )
            for n in most
        ),
    )
    return Paired(blank, of_a, of_b, SHARE if _are_shares(of_a, of_b) else None)


def _are_shares(*sides: Floats) -> bool:
    finite = np.concatenate([side[np.isfinite(side)] for side in sides])
    return bool(((finite >= 0.0) & (finite <= 1.0)).all())
