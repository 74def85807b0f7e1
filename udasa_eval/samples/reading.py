"""Results folders and other programs' logs → the samples that a page shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from udasa_eval.logs import Log, LoggedTask, is_log, read_log
from udasa_eval.results import (
    LENGTHS,
    Results,
    category_of,
    judges_of_metric,
    null_unless_finite,
    read_results,
    read_tables,
)
from udasa_eval.samples.records import Sample, SampledTask, SampleKey, ShownMetric, ShownRun

_KEYS = ("prompt_hash", "sample")


def of_place(place: Path) -> ShownRun:
    """Return what a results folder, or another program's log, has to show.

    Raises:
        UserError: it holds neither, or cannot be read.
    """
    return _of_log(read_log(place)) if is_log(place) else of_run(place, None)


def of_run(folder: Path, label: str | None) -> ShownRun:
    """Return what a results folder has to show.

    Args:
        folder: of the results.
        label: of the run; None takes its model's id.

    Raises:
        UserError: it holds no results, or a table cannot be read.
    """
    results = read_results(folder)
    scores = read_tables(folder, "scores").filter(~pl.col("metric").is_in(LENGTHS))
    scores_by_task = scores.partition_by("task", as_dict=True)
    tasks = {}
    generations = read_tables(folder, "generations")
    for (name,), rows in generations.group_by("task", maintain_order=True):
        of_task = scores_by_task.get((name,), scores.clear())
        tasks[str(name)] = _task(str(name), rows, of_task, results)
    return ShownRun(label or results.model.id, tasks)


def _task(
    name: str, generations: pl.DataFrame, scores: pl.DataFrame, results: Results
) -> SampledTask:
    record = next((task for task in results.tasks if task.name == name), None)
    metrics = sorted(
        (m for m in results.metrics if m.task == name and m.per_document),
        key=lambda metric: not metric.headline,
    )
    answers = _as_choices(generations) if record and record.mode == "loglikelihood" else generations
    found = _scores(scores)
    samples = {
        (row["prompt_hash"], row["sample"]): _sample(
            row, found.get((row["prompt_hash"], row["sample"]), [])
        )
        for row in answers.iter_rows(named=True)
    }
    shown = tuple(ShownMetric(metric.name, metric.direction) for metric in metrics)
    return SampledTask(name, shown, samples, _judges([m.name for m in metrics], results))


def _judges(metrics: Iterable[str], results: Results) -> str:
    """Return who judged some metrics: "harm ORG/MODEL, refusal …"."""
    roles = [judges_of_metric(name) for name in metrics]
    return ", ".join(
        f"{judge.role} {judge.id}"
        for judge in results.judges
        if any(of_metric is None or judge.role in of_metric for of_metric in roles)
    )


def _scores(scores: pl.DataFrame) -> dict[SampleKey, list[tuple[str, float | None, str | None]]]:
    """Return (metric, value, why it has none) by sample; those of a whole document on its first."""
    found: dict[SampleKey, list[tuple[str, float | None, str | None]]] = {}
    columns = scores.select("prompt_hash", pl.col("sample").fill_null(0), "metric", "value", "why")
    for key, sample, *rest in columns.iter_rows():
        found.setdefault((key, sample), []).append((rest[0], rest[1], rest[2]))
    return found


def _sample(
    row: Mapping[str, Any], scores: Sequence[tuple[str, float | None, str | None]]
) -> Sample:
    whys = dict.fromkeys(why for _, _, why in scores if why)
    return Sample(
        prompt=conversation(row["prompt"] or ()),
        category=category_of(row["document"]),
        text=row["text"],
        reasoning=row["reasoning"],
        cut=row["finish_reason"] == "length",
        scores={metric: value for metric, value, _ in scores},
        said="\n".join(f"unscored: {why}" for why in whys),
    )


def conversation(turns: Sequence[Mapping[str, str]]) -> str:
    """Return a prompt as text: one turn as it stands, several with their roles."""
    if len(turns) == 1:
        return turns[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def _as_choices(generations: pl.DataFrame) -> pl.DataFrame:
    """Return one row a document, whose text lists its choices, likeliest first."""
    line = pl.format("{}  {}", pl.col("text_logprob").round(2), pl.col("text"))
    order = pl.col("text_logprob").arg_sort(descending=True)
    return generations.group_by("prompt_hash", maintain_order=True).agg(
        pl.col("prompt", "document", "reasoning", "finish_reason").first(),
        sample=pl.lit(0, pl.Int32()).first(),
        text=line.gather(order).str.join("\n"),
    )


def _of_log(log: Log) -> ShownRun:
    return ShownRun(log.model, {name: _logged(task) for name, task in log.tasks.items()})


def _logged(task: LoggedTask) -> SampledTask:
    samples = {
        (key, 0): Sample(
            prompt=text.prompt or key,
            category="",
            text=text.answer,
            reasoning=None,
            cut=False,
            scores={
                metric.name: null_unless_finite(metric.values[key])
                for metric in task.metrics
                if key in metric.values
            },
            said=text.said or "",
        )
        for key, text in task.texts.items()
    }
    metrics = tuple(ShownMetric(metric.name, metric.direction) for metric in task.metrics)
    return SampledTask(task.name, metrics, samples)
