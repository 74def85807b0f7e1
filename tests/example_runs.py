"""Results folders of made-up runs, written through the package's own writers."""

from pathlib import Path

import polars as pl

from udasa_data.schema import Axis
from udasa_eval.results.folder import GENERATIONS, SCORES, write_results, write_table
from udasa_eval.results.records import (
    SCHEMA_VERSION,
    Decoding,
    JudgeRecord,
    MetricRecord,
    Pinned,
    Results,
    TaskRecord,
)
from udasa_eval.stats import mean_interval

DECODING = Decoding(temperature=0.0, top_p=1.0, max_tokens=64, samples=1, seed=0)
JUDGE = JudgeRecord(role="refusal", id="org/refusal", revision=None, fingerprint="sha256:aa")


def task(name="xstest_safe", axis=Axis.HARMLESSNESS, **changes):
    facts = {
        "name": name,
        "axis": axis,
        "fingerprint": "f" * 16,
        "dataset": Pinned(id="walledai/XSTest", revision="c", fingerprint="commit:c"),
        "mode": "chat",
        "decoding": DECODING,
        "headline": "refusal",
        "documents": 4,
        "set_aside": {},
    }
    return TaskRecord(**(facts | changes))


def write_run(
    folder: Path,
    values,
    *,
    model="org/model-a",
    metric="refusal",
    direction="lower",
    tasks=None,
    metrics=None,
    texts="an answer",
    **changes,
):
    """Write a run of one metric: ``values`` is prompt → value, or a list of values for samples."""
    record = tasks[0] if tasks else task()
    scores = scores_of(record, metric, values)
    write_table(folder, f"scores/{record.name}", scores, SCORES)
    generations = generations_of(record, values, texts)
    write_table(folder, f"generations/{record.name}", generations, GENERATIONS)
    facts = {
        "schema_version": SCHEMA_VERSION,
        "suite": "quick",
        "axes": (record.axis,),
        "model": Pinned(id=model, revision="r1", fingerprint=f"commit:{model}"),
        "engine": "transformers",
        "template_sha256": "ab" * 32,
        "system_prompt": None,
        "baseline": None,
        "judges": (JUDGE,),
        "tasks": tuple(tasks) if tasks else (record,),
        "metrics": tuple(metrics or [metric_of(record, metric, direction, scores)]),
        "unscored": (),
        "training_data": (),
        "lm_eval_version": "0.4.13",
        "versions": {"udasa": "0.1.0", "python": "3.11"},
    }
    write_results(folder, Results(**(facts | changes)))
    return folder


def scores_of(record, metric, values):
    rows = [
        {
            "task": record.name,
            "axis": record.axis.value,
            "prompt_hash": key,
            "sample": number,
            "metric": metric,
            "value": value,
            "why": "judge" if value is None else None,
        }
        for key, sampled in values.items()
        for number, value in enumerate(sampled if isinstance(sampled, list) else [sampled])
    ]
    return pl.DataFrame(rows, schema=SCORES)


def generations_of(record, prompts, text):
    rows = [
        {
            "task": record.name,
            "axis": record.axis.value,
            "prompt_hash": key,
            "sample": 0,
            "prompt": [{"role": "user", "content": f"question {key}"}],
            "text": text,
            "n_tokens": 3,
            "finish_reason": "stop",
        }
        for key in prompts
    ]
    return pl.DataFrame(rows, schema=GENERATIONS)


def metric_of(record, metric, direction, scores):
    by_prompt = scores.group_by("prompt_hash", maintain_order=True).agg(pl.col("value").mean())
    interval = mean_interval(by_prompt["value"].fill_null(float("nan")).to_numpy())
    return MetricRecord(
        name=metric,
        axis=record.axis,
        task=record.name,
        value=interval.mean,
        stderr=interval.stderr,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        unscored=interval.unscored,
        direction=direction,
        kind="rate",
        headline=True,
        comparable_with="the paper's table",
    )
