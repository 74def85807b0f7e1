"""Which numbers can be set beside published ones: those of the benchmark's own scorer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from udasa_eval.answers import TURN_2
from udasa_eval.judging import JudgeSet, asked_of, judge_set, judges_of, roles_of
from udasa_eval.results import MetricRecord
from udasa_eval.tasks import TaskNotes, notes_of

NOT: Final = "not comparable with published"
_OURS: Final = "tiny"  # the dataset that nobody has published numbers of


def with_comparable(metrics: Sequence[MetricRecord], judges: JudgeSet) -> list[MetricRecord]:
    """Return metrics of which headlines say what they are comparable with.

    Args:
        metrics: of the run.
        judges: of the run.
    """
    return [
        msgspec.structs.replace(metric, comparable_with=_published(metric.task, judges))
        if metric.headline
        else metric
        for metric in metrics
    ]


def of_comparable(metrics: Iterable[MetricRecord]) -> Iterable[str]:
    """Yield one line that names the tasks whose headlines are comparable with nothing published."""
    tasks = [
        metric.task.removeprefix("udasa_")
        for metric in metrics
        if metric.headline and metric.comparable_with is None and _is_known(metric.task)
    ]
    if tasks:
        yield f"{NOT} numbers (another scorer, prompt or selection): {', '.join(tasks)}"


def _is_known(task: str) -> bool:
    return _notes(task).dataset != _OURS


def _notes(task: str) -> TaskNotes:
    return notes_of(task.removesuffix(TURN_2))


def _published(task: str, judges: JudgeSet) -> str | None:
    notes = _notes(task)
    if notes.own_judges is None or notes.comparable_with is None:
        return notes.comparable_with
    own = judge_set(notes.own_judges, "full")
    named = [role for role in roles_of(task, ()) if role != "refusal"]
    same = all(
        [asked_of(judge) for judge in judges_of(judges, role)]
        == [asked_of(judge) for judge in judges_of(own, role)]
        for role in named
    )
    return notes.comparable_with if same else None
