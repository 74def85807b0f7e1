"""How long it takes to pair and stage 100,000 prompts again from what is there, all included.

``udasa-data build --from RUN --rejected median --z 2 --cutoffs 0.2,0.5 --out NEW`` in a process of
its own: reading, calibrating, pairing, staging, and writing the dataset folder with its card and
figures. Scores are drawn at random; texts are as in ``pairing``.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.inputs.synthetic import scored_answers, write_run
from benchmarks.report import write_results
from benchmarks.subjects import parser

SIZES: Final = (10_000, 100_000)  # prompts, of 8 answers each
OPTIONS: Final = ("--rejected", "median", "--z", "2", "--cutoffs", "0.2,0.5", "--json")
PROGRAM: Final = """
import sys
from udasa_data.cli import main
try:
    main()
finally:
    heavy = {"torch", "transformers", "datasets", "trl"} & set(sys.modules)
    assert not heavy, heavy
"""


def measure(prompts: int) -> tuple[float, float, float]:
    """Return wall seconds, processor seconds, and the peak of memory in GB."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source", Path(folder) / "new"
        write_run(source / "dataset", scored_answers(prompts))
        os.sync()  # or the disk is busy with the source while the run is timed
        arguments = ["build", "--from", str(source), *OPTIONS, "--out", str(out)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments], check=True, stdout=subprocess.DEVNULL
        )
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, busy, after.ru_maxrss / 2**20


def main() -> None:
    """Measure every size, print the table."""
    parser("restage").parse_args()
    found = {prompts: measure(prompts) for prompts in SIZES}
    rows = [
        (f"{n:,}", f"{wall:.2f} s", f"{busy:.2f} s", f"{memory:.2f} GB")
        for n, (wall, busy, memory) in found.items()
    ]
    header = ("prompts", "wall", "processors", "peak memory")
    wall, busy, _ = found[SIZES[-1]]
    ratios = {"seconds_for_100k_prompts_over_10": wall / 10, "processors_busy": busy / wall}
    write_results("restage", header, rows, ratios)


if __name__ == "__main__":
    main()
