"""What a build takes once all is scored: time and peak of memory, from 10,000 prompts on.

Reading the prompts and the shards, calibrating, pairing, staging, and writing the dataset folder
with its card and figures: ``build()`` over a run whose shards are there. Scores are drawn at
random; texts are as in ``pairing``. Larger sizes with ``--sizes 10000,100000,1000000``, for a
machine that does nothing else.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Final

import polars as pl

from benchmarks.inputs.synthetic import K, scored_answers
from benchmarks.report import write_results
from benchmarks.subjects import in_own_process, parser
from udasa_data.config.build import BuildConfig
from udasa_data.config.presets import resolve
from udasa_data.pipeline.building import build
from udasa_data.pipeline.preparation import Prepared
from udasa_data.runs.shards import ShardFacts
from udasa_data.runs.store import Run
from udasa_data.schema import DROPPED, SAMPLES, SCORES, empty

SIZES: Final = "10000,100000"  # prompts, of 8 answers each
SHARD: Final = 256
LARGEST: Final = 10_000_000  # prompts, which are to be done with ROOM GB
ROOM: Final = 16


def config_of(folder: Path) -> BuildConfig:
    """Return the configuration of the run in a folder."""
    prompts = {"prompts": [str(folder / "prompts.jsonl")], "shard_size": SHARD}
    return resolve("tiny", {**prompts, "pairing": {"noise_z": 0.1, "tolerance": 0.8}})


def write_shards(folder: Path, prompts: int) -> None:
    """Write prompts, and a run that holds the shards of all their scored answers."""
    with (folder / "prompts.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"prompt": f"Question {n}: what of it, and why?"}) + "\n"
            for n in range(prompts)
        )
    prepared = Prepared(config_of(folder), Run(folder / "run"))
    prepared.record()
    answers = scored_answers(prompts)
    of_prompt = prepared.loaded.prompts["prompt_id"].gather(
        pl.int_range(len(answers), eager=True) // K
    )
    answers = answers.with_columns(of_prompt.alias("prompt_id"))
    for number in range(prepared.shards["samples"].count):
        rows = answers.slice(number * SHARD * K, SHARD * K)
        for step, schema in (("samples", SAMPLES), ("scores", SCORES)):
            table = rows.select(schema.names())
            prepared.shards[step].write(number, table, empty(DROPPED), ShardFacts())


def measure(folder: Path) -> dict[str, float]:
    """Finish the run; return seconds, those of the processors, and the peak of memory in GB."""
    started, before = time.perf_counter(), time.process_time()
    result = build(config_of(folder), folder / "run")
    seconds, cpu = time.perf_counter() - started, time.process_time() - before
    assert result.summary.counts.pairs
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "cpu": cpu, "GB": peak}


def measured(prompts: int) -> dict[str, float]:
    """Write and finish a run, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        in_own_process("finishing", "--write", str(prompts), "--folder", folder)
        printed = in_own_process("finishing", "--folder", folder)
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found


def main() -> None:
    """Measure every size, print the table."""
    options = parser("finishing")
    options.add_argument("--sizes", default=SIZES, help="prompts, separated by commas")
    options.add_argument("--write", type=int, help="only write a run of so many prompts")
    options.add_argument("--folder", type=Path, help="only finish the run in it, print JSON")
    given = options.parse_args()
    if given.write:
        write_shards(given.folder, given.write)
        return
    if given.folder:
        print(json.dumps(measure(given.folder)))
        return
    found = {int(size): measured(int(size)) for size in given.sizes.split(",")}
    rows = [
        (
            f"{n:,}",
            *(f"{of[name]:.1f} s" for name in ("seconds", "cpu")),
            f"{of['seconds'] / n * 1e6:.0f} µs",
            f"{of['GB']:.2f} GB",
            f"{of['GB'] / n * 1e9 / K:,.0f} B",
        )
        for n, of in found.items()
    ]
    small, large = min(found), max(found)
    of_more = (found[large]["GB"] - found[small]["GB"]) / max(large - small, 1)
    ratios = {
        "time_a_prompt_of_the_largest_over_the_smallest": found[large]["seconds"]
        / found[small]["seconds"]
        / (large / small),
        "memory_for_10M_prompts_over_16GB": of_more * LARGEST / ROOM,
    }
    header = ("prompts", "wall", "processors", "a prompt", "peak memory", "an answer")
    write_results("finishing", header, rows, ratios)


if __name__ == "__main__":
    main()
