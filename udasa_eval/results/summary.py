"""Per-document scores → the metrics of ``results.json``, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from udasa_data.schema import Axis
from udasa_eval.results.folder import null_unless_finite
from udasa_eval.results.metrics import ADJUSTED, CONTROLLED, LENGTHS, METRICS
from udasa_eval.results.records import MetricRecord, Unscored
from udasa_eval.stats import logit_interval, mean_interval, standard_error

_EXAMPLES: Final = 3
_SHOWN: Final = 160  # characters of an example


def metrics_of(scores: pl.DataFrame, headlines: Mapping[str, str]) -> list[MetricRecord]:
    """Return every metric of every task, in the order of the rows.

    Args:
        scores: rows of SCORES.
        headlines: the headline metric by task.
    """
    records: list[MetricRecord] = []
    for (task, axis), of_task in scores.group_by("task", "axis", maintain_order=True):
        for (name,), rows in of_task.group_by("metric", maintain_order=True):
            if name not in LENGTHS:
                records.append(_mean(str(name), str(task), Axis(axis), rows, headlines[str(task)]))
    return records


def unscored_of(
    scores: pl.DataFrame, generations: pl.DataFrame, replies: Mapping[str, Sequence[str]]
) -> list[Unscored]:
    """Return why values are missing, with examples.

    Args:
        scores: rows of SCORES.
        generations: the rows of GENERATIONS that they are about.
        replies: by task, what a judge replied where its verdict could not be read.
    """
    missing = scores.filter(pl.col("value").is_null() & ~pl.col("metric").is_in(LENGTHS))
    texts: dict[str, str] = {
        key: f"{prompt[-1]['content'][:_SHOWN]} → {(text or '')[:_SHOWN]!r}"
        for key, prompt, text in generations.select("prompt_hash", "prompt", "text").iter_rows()
    }
    unscored = []
    # "too_long: 39 tokens …": one reason, whose figures go with the examples
    reason = pl.col("why").str.splitn(": ", 2).struct.rename_fields(["reason", "figures"])
    missing = missing.with_columns(reason.alias("split")).unnest("split")
    groups = missing.group_by("task", "metric", "reason", maintain_order=True)
    for (task, metric, why), rows in groups:
        shown = rows.unique("prompt_hash", maintain_order=True).head(_EXAMPLES)
        examples = [
            f"({figures}) {texts[key]}" if figures else texts[key]
            for key, figures in shown.select("prompt_hash", "figures").iter_rows()
        ]
        if "judge" in str(why):
            examples += [
                f"the judge said: {text[:_SHOWN]!r}" for text in replies.get(str(task), ())
            ]
        unscored.append(
            Unscored(
                task=str(task),
                metric=str(metric),
                why=str(why),
                count=len(rows),
                examples=tuple(examples),
            )
        )
    return unscored


def by_document(rows: pl.DataFrame) -> pl.Series:
    """Return the mean of the scored samples of each document; null where none is scored."""
    return rows.group_by("prompt_hash", maintain_order=True).agg(pl.col("value").mean())["value"]


def _mean(name: str, task: str, axis: Axis, rows: pl.DataFrame, headline: str) -> MetricRecord:
    values = by_document(rows).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    scored = values[np.isfinite(values)]
    n = int(scored.size)
    metric = METRICS[name]
    kind = "rate" if np.isin(scored, (0.0, 0.5, 1.0)).all() else "mean"
    stderr = null_unless_finite(standard_error(scored))
    mean_of_scores = name not in {CONTROLLED, ADJUSTED}
    low = high = np.nan
    spread = metric.within is not None or stderr != 0.0  # a KL of 0 everywhere is no rate of 0
    if n and mean_of_scores and spread:
        low, high = mean_interval(values, within=metric.within)[1:3]
    elif not mean_of_scores and stderr:
        low, high = logit_interval(float(scored.mean()), standard_error(scored))
    return MetricRecord(
        name=name,
        axis=axis,
        task=task,
        # summed one by one, as lm-eval does: the same number to the last digit
        value=sum(scored.tolist()) / n if n else None,
        stderr=stderr,
        low=null_unless_finite(low),
        high=null_unless_finite(high),
        n=n,
        unscored=len(values) - n,
        direction=metric.direction,
        kind="rate" if metric.kind == "rate" and kind == "rate" else "mean",
        headline=name == headline,
        per_document=mean_of_scores,
    )
