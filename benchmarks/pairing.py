"""How long calibrating, pairing and staging take, and how that grows: to 8,000,000 samples.

Scores are drawn at random, texts are real answers where the data is there (UDASA_DATA_DIR). Each
size runs in a process of its own, which reports its peak of memory.
"""

from __future__ import annotations

import json
import resource
import time
from typing import Final

import numpy as np
import polars as pl

from benchmarks.inputs.synthetic import K, random_scores
from benchmarks.report import write_results
from benchmarks.subjects import in_own_process, parser
from udasa_data.config.build import Calibration, Pairing
from udasa_data.pairing import shipped_fits
from udasa_data.pairing.calibration import calibrate, fit_curves
from udasa_data.pairing.pairs import make_pairs
from udasa_data.pairing.stages import assign_stages

SIZES: Final = (10_000, 100_000, 1_000_000)  # prompts


def measure(prompts: int) -> dict[str, float]:
    """Return seconds a step, seconds in all, and the peak of memory in GB, data included."""
    scores, beside = random_scores(prompts)
    times = [time.perf_counter()]
    axes = beside["axis"].to_numpy().astype(str)
    known = pl.concat([scores, beside.select("axis", "context")], how="horizontal")
    calibrated = calibrate(known, fit_curves(scores, axes, Calibration()), shipped_fits())
    times.append(time.perf_counter())
    table = pl.concat(
        [scores, beside, calibrated.table.drop("prompt_id", "sample_id")], how="horizontal"
    )
    paired = make_pairs(table, calibrated.replicates, Pairing(), 0, shipped_fits())
    times.append(time.perf_counter())
    sure = paired.pairs.with_columns(p_chosen_better=0.5 + 0.5 * pl.col("delta_u"))
    staged = assign_stages(sure)
    times.append(time.perf_counter())
    assert len(staged.pairs) + len(paired.dropped) == prompts
    steps = dict(zip(("calibrate", "pair", "stage"), np.diff(times).tolist(), strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {**steps, "all": times[-1] - times[0], "GB": peak, "pairs": len(staged.pairs)}


def main() -> None:
    """Measure every size, print the table."""
    options = parser("pairing")
    options.add_argument("--prompts", type=int, help="measure this size alone, print JSON")
    size = options.parse_args().prompts
    if size:
        print(json.dumps(measure(size)))
        return
    measured = {}
    for prompts in SIZES:
        printed = in_own_process("pairing", "--prompts", str(prompts))
        measured[prompts] = json.loads(printed.splitlines()[-1])
    rows = [
        (
            f"{prompts:,}",
            f"{prompts * K:,}",
            *(f"{result[step]:.2f} s" for step in ("calibrate", "pair", "stage", "all")),
            f"{result['all'] / prompts * 1e6:.1f} µs",
            f"{result['GB']:.2f} GB",
        )
        for prompts, result in measured.items()
    ]
    small, _, large = SIZES
    ratios = {
        "seconds_for_8M_samples_over_60": measured[large]["all"] / 60,
        "memory_for_8M_samples_over_6GB": measured[large]["GB"] / 6,
        "time_a_prompt_10^6_over_10^4": measured[large]["all"]
        / measured[small]["all"]
        / (large / small),
    }
    header = ("prompts", "samples", "calibrate", "pair", "stage", "all", "a prompt", "peak memory")
    write_results("pairing", header, rows, ratios)


if __name__ == "__main__":
    main()
