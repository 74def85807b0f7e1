"""How long comparing two runs of 100,000 rows takes, with 10,000 resamples a metric.

Two forms of the same size: twenty tasks of 5,000 prompts, half of them rates, and one task of
100,000 prompts with continuous scores, which no counting of equal values can shorten. Each runs in
a process of its own, which reports its peak of memory.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from benchmarks.report import write_results
from benchmarks.subjects import in_own_process, parser
from udasa_data.schema import Axis
from udasa_eval.results.comparison import compare_runs
from udasa_eval.results.folder import SCORES, write_table
from udasa_eval.results.folder import write_results as write_run_results
from udasa_eval.results.records import (
    SCHEMA_VERSION,
    Decoding,
    MetricRecord,
    Pinned,
    Results,
    TaskRecord,
)

ROWS: Final = 100_000
REPLICATES: Final = 10_000
LIMIT: Final = 10.0  # seconds
FORMS: Final = {"twenty tasks": 20, "one task": 1}
DECODING: Final = Decoding(temperature=0.0, top_p=1.0, max_tokens=256, samples=1, seed=0)


def write_made_up(folder: Path, tasks: int, seed: int) -> None:
    """Write a run of 100,000 rows, spread over so many tasks; every second one is a rate."""
    rng = np.random.default_rng(seed)
    n = ROWS // tasks
    records, metrics = [], []
    for number in range(tasks):
        name, rate = f"task_{number}", number % 2 == 1
        values = rng.random(n) if not rate else (rng.random(n) < 0.3).astype(float)
        scores = pl.DataFrame(
            {"prompt_hash": [f"{key:064x}" for key in range(n)], "value": values}
        ).with_columns(
            task=pl.lit(name),
            axis=pl.lit("helpfulness"),
            sample=pl.lit(0, dtype=pl.Int32),
            metric=pl.lit("score"),
            why=pl.lit(None, dtype=pl.String),
        )
        write_table(folder, f"scores/{name}", scores.select(SCORES.names()), SCORES)
        records.append(_task(name, n))
        metrics.append(_metric(name, values))
    write_run_results(folder, _results(folder.name, tuple(records), tuple(metrics)))


def _task(name: str, n: int) -> TaskRecord:
    return TaskRecord(
        name=name,
        axis=Axis.HELPFULNESS,
        fingerprint="f",
        dataset=Pinned(id="made up", revision=None, fingerprint="sha256:0"),
        mode="chat",
        decoding=DECODING,
        headline="score",
        documents=n,
        set_aside={},
    )


def _metric(task: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> MetricRecord:
    return MetricRecord(
        name="score",
        axis=Axis.HELPFULNESS,
        task=task,
        value=float(values.mean()),
        stderr=None,
        low=None,
        high=None,
        n=values.size,
        unscored=0,
        direction="higher",
        kind="mean",
        headline=True,
    )


def _results(
    model: str, tasks: tuple[TaskRecord, ...], metrics: tuple[MetricRecord, ...]
) -> Results:
    return Results(
        schema_version=SCHEMA_VERSION,
        suite="full",
        axes=(Axis.HELPFULNESS,),
        model=Pinned(id=model, revision=None, fingerprint=f"sha256:{model}"),
        engine="transformers",
        template_sha256=None,
        system_prompt=None,
        baseline=None,
        judges=(),
        tasks=tasks,
        metrics=metrics,
        unscored=(),
        training_data=(),
        lm_eval_version="0",
        versions={},
    )


def measure(folders: list[Path]) -> dict[str, float]:
    """Compare two runs once; seconds, those of the CPU, and the peak of memory in GB."""
    started, before = time.perf_counter(), time.process_time()
    compare_runs(folders, replicates=REPLICATES)
    seconds, cpu = time.perf_counter() - started, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_gb": peak}


def main() -> None:
    """Measure both forms, print and record them."""
    options = parser("compare")
    options.add_argument("--measure", nargs=2, type=Path, help="two runs: print JSON, no more")
    folders = options.parse_args().measure
    if folders:
        print(json.dumps(measure(folders)))
        return
    measured: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for form, tasks in FORMS.items():
            runs = [Path(folder, form.replace(" ", "_"), side) for side in "ab"]
            for seed, run in enumerate(runs):
                write_made_up(run, tasks, seed)
            measured[form] = json.loads(in_own_process("compare", "--measure", *map(str, runs)))
    rows = [
        (
            form,
            f"{ROWS:,}",
            f"{result['seconds']:.2f} s",
            f"{result['cpu_seconds']:.2f} s",
            f"{result['peak_gb']:.2f} GB",
        )
        for form, result in measured.items()
    ]
    slowest = max(result["seconds"] for result in measured.values())
    header = ("form", "rows", "compare", "of the CPU", "peak memory")
    write_results("compare", header, rows, {"compare_seconds_over_10": slowest / LIMIT})


if __name__ == "__main__":
    main()
