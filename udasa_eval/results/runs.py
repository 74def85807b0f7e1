"""Results folders, read to be compared: their scores, and where their settings differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from udasa_data.errors import UserError
from udasa_eval.results.folder import read_results, read_tables
from udasa_eval.results.records import JudgeRecord, MetricRecord, Results, TaskRecord


class Run(NamedTuple):
    """A results folder, read.

    Attributes:
        label: its name in tables; unique among the runs read together.
        folder: where it is.
        results: its ``results.json``.
        scores: one row a task, metric and prompt: ``value`` the mean of its scored samples.
    """

    label: str
    folder: Path
    results: Results
    scores: pl.DataFrame

    def task(self, name: str) -> TaskRecord | None:
        """Return a task as it was run, None where it was not."""
        return next((task for task in self.results.tasks if task.name == name), None)

    def metric(self, task: str, name: str) -> MetricRecord | None:
        """Return a metric's aggregate, None where the run has none."""
        found = (m for m in self.results.metrics if (m.task, m.name) == (task, name))
        return next(found, None)


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Read results folders.

    Raises:
        UserError: a folder that holds no results, or is given twice.
    """
    resolved = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, resolved, strict=True):
        if resolved.count(place) > 1:
            raise UserError(f"{folder}: given twice")
    results = [read_results(folder) for folder in folders]
    labels = labels_of([result.model.id for result in results], resolved)
    return [
        Run(label, folder, result, by_prompt(read_tables(folder, "scores")))
        for label, folder, result in zip(labels, folders, results, strict=True)
    ]


def by_prompt(scores: pl.DataFrame) -> pl.DataFrame:
    """Return one row a task, metric and prompt: the mean of its scored samples, null for none."""
    keys = ("task", "metric", "prompt_hash")
    finite = pl.col("value").filter(pl.col("value").is_finite())
    return scores.group_by(keys, maintain_order=True).agg(finite.mean().alias("value"))


def settings_of(a: Run, b: Run) -> list[tuple[str, str | None, str | None]]:
    """Return what must be the same for two runs to be compared: its name, and both sides.

    These are the suite, the chat template, the system prompt, the baseline of win rates, the
    judges, and of each task in both runs its documents, mode and decoding.
    """
    left, right = a.results, b.results
    pairs = [
        ("suite", left.suite, right.suite),
        ("chat template", _short(left.template_sha256), _short(right.template_sha256)),
        ("system prompt", left.system_prompt, right.system_prompt),
        ("chat template options", _options(left), _options(right)),
        ("baseline", left.baseline, right.baseline),
    ]
    for task in left.tasks:
        other = b.task(task.name)
        if other is not None:
            pairs += _task_fields(task, other)
    judges = [{judge.role: judge for judge in side.judges} for side in (left, right)]
    for role in judges[0].keys() & judges[1].keys():
        of_a, of_b = (side[role] for side in judges)
        where = f"judge of {role}"
        if bool(of_a.asked) != bool(of_b.asked):
            older = a.folder if of_b.asked else b.folder
            where += (
                f" (udasa-eval score {older} first: an earlier version did not record it whole)"
            )
        pairs.append((where, _short(of_a.fingerprint), _short(of_b.fingerprint)))
    pairs += asked_otherwise(left.judges, right.judges)
    return pairs


def comparable(
    settings: Iterable[tuple[str, str | None, str | None]], a: Path, b: Path, *, anyway: bool
) -> list[str]:
    """Return the settings that differ, a line each: where, and both sides.

    Args:
        settings: name, and its value on either side.
        a: where one side is.
        b: where the other is.
        anyway: whether they are to be compared nevertheless.

    Raises:
        UserError: some differ, and they are not to be compared then.
    """
    found = [
        f"{where}: {_quoted(of_a)} in {a}, {_quoted(of_b)} in {b}"
        for where, of_a, of_b in settings
        if of_a != of_b
    ]
    if found and not anyway:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise UserError(f"not comparable: {found[0]}{more}; --anyway compares nevertheless")
    return found


def asked_otherwise(
    left: Sequence[JudgeRecord], right: Sequence[JudgeRecord]
) -> Iterable[tuple[str, str | None, str | None]]:
    """Yield what the judges of a role were asked on both sides, by the keys of their entries."""
    others = {judge.role: judge.asked for judge in right}
    for judge in left:
        other = others.get(judge.role, {})
        if judge.asked and other:  # not kept by earlier versions, whose fingerprints differ anyway
            for key in sorted(judge.asked.keys() | other.keys()):
                where = f"judge of {judge.role}, {key}"
                yield where, _as_text(judge.asked.get(key)), _as_text(other.get(key))


def _as_text(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _options(results: Results) -> str | None:
    options = results.chat_template_kwargs
    return json.dumps(options, sort_keys=True) if options else None


def _task_fields(
    task: TaskRecord, other: TaskRecord
) -> Iterable[tuple[str, str | None, str | None]]:
    name = f"task {task.name}"
    yield f"{name}, what is asked", _short(task.fingerprint), _short(other.fingerprint)
    yield f"{name}, mode", task.mode, other.mode
    if task.decoding is None or other.decoding is None:
        return
    left, right = (msgspec.to_builtins(side.decoding) for side in (task, other))
    for field, value in left.items():
        if field != "seed":  # other draws from the same distribution can be compared
            yield f"{name}, decoding {field}", str(value), str(right[field])


def labels_of(ids: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return a name for each run: its model, and its folder where that is not enough."""
    models = [Path(model).name if model.startswith(("/", ".")) else model for model in ids]
    names = [
        f"{model} ({folder.name})" if models.count(model) > 1 else model
        for model, folder in zip(models, folders, strict=True)
    ]
    return [
        str(folder) if names.count(name) > 1 else name
        for name, folder in zip(names, folders, strict=True)
    ]


def _short(digest: str | None) -> str | None:
    """Return the first twelve digits of a hash, its scheme kept."""
    if digest is None:
        return None
    scheme, _, rest = digest.rpartition(":")
    return f"{scheme}:{rest[:12]}" if scheme else rest[:12]


def _quoted(value: str | None) -> str:
    return "none" if value is None else repr(value)
