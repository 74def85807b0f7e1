"""``udasa_eval.compare(a, b)``: two runs, paired by prompt, as tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import polars as pl

from udasa_data.errors import UserError
from udasa_data.terminal import python_words
from udasa_eval.logs import compare_logs, is_log
from udasa_eval.python.evaluations import Evaluation
from udasa_eval.results import MetricComparison, RunComparison, compare_runs

# a results folder, what ``run`` gave, or logs of lm-eval or inspect-ai
Run: TypeAlias = str | Path | Evaluation

_METRICS: Final = pl.Schema(
    {
        "a": pl.String(),
        "b": pl.String(),
        "axis": pl.String(),
        "task": pl.String(),
        "metric": pl.String(),
        "direction": pl.String(),
        "headline": pl.Boolean(),
        "value_a": pl.Float64(),
        "value_b": pl.Float64(),
        "difference": pl.Float64(),  # mean of a − b over the prompts scored in both
        "low": pl.Float64(),  # of its interval, at ``level``
        "high": pl.Float64(),
        "level": pl.Float64(),
        "p": pl.Float64(),
        "p_holm": pl.Float64(),  # corrected for the number of metrics
        "better": pl.String(),  # by the corrected p-value at 5%; null: neither
        "wins": pl.Int64(),
        "ties": pl.Int64(),
        "losses": pl.Int64(),
        "n": pl.Int64(),
        "unscored": pl.Int64(),
        "only_in_one": pl.Int64(),
        "detectable": pl.Float64(),  # the true difference found with a chance of 80%
        "test": pl.String(),
    }
)
_PROMPTS: Final = pl.Schema(
    {
        "a": pl.String(),
        "b": pl.String(),
        "task": pl.String(),
        "metric": pl.String(),
        "prompt": pl.String(),
        "value_a": pl.Float64(),
        "value_b": pl.Float64(),
        "answer_a": pl.String(),
        "answer_b": pl.String(),
        "prompt_hash": pl.String(),
    }
)


@dataclass(frozen=True)
class Compared:
    """Runs, compared.

    Attributes:
        comparison: as ``udasa-eval compare --json`` prints it.
    """

    comparison: RunComparison

    def __repr__(self) -> str:
        heads = "; ".join(_shown(metric) for metric in self.comparison.metrics if metric.headline)
        return f"Compared({' against '.join(self.comparison.runs)}: {heads})"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and which settings differ."""
        return self.comparison.notes

    def metrics(self) -> pl.DataFrame:
        """Return the metrics of both, a row each: difference, interval, p-values, who is better."""
        rows = map(msgspec.structs.asdict, self.comparison.metrics)
        return pl.DataFrame([{key: row[key] for key in _METRICS} for row in rows], schema=_METRICS)

    def prompts(self) -> pl.DataFrame:
        """Return the prompts on which they differ most, with both answers."""
        rows = [
            msgspec.structs.asdict(prompt)
            | {"a": metric.a, "b": metric.b, "task": metric.task, "metric": metric.metric}
            for metric in self.comparison.metrics
            for prompt in metric.differ_most
        ]
        return pl.DataFrame(rows, schema=_PROMPTS)


def compare(
    a: Run,
    b: Run,
    *others: Run,
    seed: int = 0,
    examples: int = 1,
    anyway: bool = False,
    lower: Collection[str] = (),
) -> Compared:
    """Compare a run with another, paired by prompt, as ``udasa-eval compare`` does.

    Args:
        a: a results folder, what :func:`run` gave, or logs of lm-eval (``--log_samples``) or
            inspect-ai.
        b: what it is compared with.
        others: more that it is compared with; p-values are corrected for all of them.
        seed: of resampling.
        examples: prompts that differ most, a metric; four at most.
        anyway: compare runs whose settings differ, too; what differs becomes a note.
        lower: of logs: metrics of which lower is better, where they do not say it.

    Raises:
        UserError: no results, settings that differ, or nothing in common.
    """
    with python_words("compare"):
        places = [_place(run) for run in (a, b, *others)]
        if all(map(is_log, places)):
            found = compare_logs(
                places, seed=seed, examples=examples, anyway=anyway, lower=frozenset(lower)
            )
        else:
            found = compare_runs(places, seed=seed, examples=examples, anyway=anyway)
        return Compared(found)


def _place(run: object) -> Path:
    if isinstance(run, Evaluation):
        return Path(run.out)
    if isinstance(run, str | Path):
        return Path(run)
    raise UserError(
        f"compare(): a {type(run).__name__} is no run; give a results folder, or what run() gave "
        "(udasa_eval.stats.compare takes arrays of scores)"
    )


def _shown(metric: MetricComparison) -> str:
    name = f"{metric.task.removeprefix('udasa_')} {metric.metric}"
    if metric.difference is None:
        return f"{name} –"
    verdict = f"{metric.better} is better" if metric.better else "neither is better"
    return f"{name} {metric.difference:+.3f} (n = {metric.n:,}), {verdict}"
