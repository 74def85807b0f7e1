"""One Ray worker against two: how much of the second arrives.

Both rates are of work alone: from the first finished shards to the last one, so that the start of
Ray, of actors and of models is in neither. Sampling is what is measured: a local run scores the
same answers beforehand, and the scoring actor, whose cores the samplers would otherwise miss, finds
them in the score cache. For an otherwise idle machine with a core for each worker.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_data.config.build import BuildConfig
from udasa_data.config.presets import resolve
from udasa_data.pipeline.executors.local import LocalExecutor
from udasa_data.pipeline.executors.ray import RayExecutor
from udasa_data.pipeline.preparation import Prepared
from udasa_data.progress import Silent
from udasa_data.runs.store import Run

WORKERS: Final = (1, 2)


class Clock(Silent):
    """Notes when each shard was done."""

    def __init__(self) -> None:
        self.done: list[tuple[float, float]] = []  # (when, prompts)

    def advance(self, prompts: float, tokens: int = 0) -> None:  # noqa: ARG002 (of the protocol)
        """Note the time."""
        self.done.append((time.perf_counter(), prompts))


def prompts_a_second(config: BuildConfig, workers: int, folder: Path) -> tuple[float, float]:
    """Return the rate after the first round of shards, and the wall time in all."""
    clock = Clock()
    prepared = Prepared(config, Run(folder / f"run-{workers}"))
    started = time.perf_counter()
    RayExecutor(workers=workers).make_shards(prepared, clock)
    whole = time.perf_counter() - started
    # a worker's first shard tells when it had started
    rest = clock.done[workers:]
    first = clock.done[workers - 1][0]
    return sum(prompts for _, prompts in rest) / (rest[-1][0] - first), whole


def main() -> None:
    """Measure both, print the table."""
    options = parser("ray_workers")
    options.add_argument("--prompts", type=int, default=160, help="of the embedded ones, up to 160")
    options.add_argument("--samples", type=int, default=8)
    options.add_argument("--max-tokens", type=int, default=64)
    options.add_argument("--shard-size", type=int, default=8)
    arguments = options.parse_args()
    sampling = {"samples": arguments.samples, "max_tokens": arguments.max_tokens}
    build = {"limit": arguments.prompts, "shard_size": arguments.shard_size}
    config = resolve("tiny", {**build, "sampling": sampling})
    rows, rates = [], {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["UDASA_CACHE"] = folder
        warm = Prepared(config, Run(Path(folder) / "warm"))
        LocalExecutor().make_shards(warm, Silent())
        for workers in WORKERS:
            rate, whole = prompts_a_second(config, workers, Path(folder))
            rates[workers] = rate
            rows.append((str(workers), f"{rate:.3f}", f"{whole:.1f} s", str(os.cpu_count())))
    header = ("workers", "prompts/s after start-up", "wall time in all", "cores")
    efficiency = rates[2] / (2 * rates[1])
    write_results("ray_workers", header, rows, {"ray_parallel_efficiency_2_workers": efficiency})


if __name__ == "__main__":
    main()
