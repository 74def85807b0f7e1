"""How long calibrating, pairing and staging take, and how that grows: to 8,000,000 samples.

Scores are drawn at random, texts are real answers where the data is there (UDASA_DATA_DIR). Each
size runs in a process of its own, which reports its peak of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from report import write_results

from udasa_data.config.build import Calibration, Pairing, Weights
from udasa_data.pairing.calibration import calibrate, fit_curves
from udasa_data.pairing.pairs import make_pairs
from udasa_data.pairing.stages import assign_stages
from udasa_data.schema import SCORES, Axis

SIZES: Final = (10_000, 100_000, 1_000_000)  # prompts
K: Final = 8
DATA: Final = Path(os.environ.get("UDASA_DATA_DIR", Path(__file__).parents[2] / "shared" / "data"))


def answers_of(prompts: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the scores table of random answers, and the columns that pairing reads beside it."""
    rng = np.random.default_rng(0)
    n = prompts * K
    ids = pl.Series([f"{number:064x}" for number in range(prompts)])
    scores = pl.DataFrame(
        {
            "prompt_id": ids.gather(np.repeat(np.arange(prompts), K)),
            "sample_id": np.tile(np.arange(K, dtype=np.int32), prompts),
        }
    )
    leave_one_out = {name: rng.random((n, K)) for name in ("semantic", "factual")}
    own = np.arange(n), np.tile(np.arange(K), prompts)
    for values in leave_one_out.values():
        values[own] = np.nan
    scores = scores.with_columns(
        *(pl.Series(f"u_{d}", rng.random(n)) for d in ("semantic", "factual", "value")),
        *(
            pl.Series(f"{name}_leave_one_out", values).arr.to_list()
            for name, values in leave_one_out.items()
        ),
    )
    missing = [name for name in SCORES if name not in scores.columns]
    constant = {name: pl.lit(None, dtype=SCORES[name]) for name in missing}
    constant["homogeneous"] = pl.lit(value=False)
    constant["refusal"] = pl.lit(value=False)
    scores = scores.with_columns(**constant).select(SCORES.names())
    axes = pl.Series([axis.value for axis in Axis])
    texts = _texts()
    beside = pl.DataFrame(
        {
            "text": texts.gather(rng.integers(len(texts), size=n)),
            "n_tokens": rng.integers(20, 60, size=n).astype(np.int32),
            "axis": axes.gather(np.repeat(np.arange(prompts) % 4, K)),
        }
    ).with_columns(finish_reason=pl.lit("stop"), mode=pl.lit("chat"))
    return scores, beside


def _texts() -> pl.Series:
    """Return openings of real answers, or made-up ones where there are none."""
    path = DATA / "alpaca_eval" / "model_outputs.parquet"
    if path.is_file():
        return pl.read_parquet(path)["output"].str.slice(0, 200)
    print(f"no {path}: made-up texts")
    return pl.Series([f"answer number {n} of many, " * 6 for n in range(8000)])


def measure(prompts: int) -> dict[str, float]:
    """Return seconds a step, seconds in all, and the peak of memory in GB, data included."""
    scores, beside = answers_of(prompts)
    times = [time.perf_counter()]
    axes = beside["axis"].to_numpy().astype(str)
    calibrated = calibrate(scores, axes, fit_curves(scores, axes, Calibration()), Weights())
    times.append(time.perf_counter())
    table = pl.concat(
        [scores, beside, calibrated.table.drop("prompt_id", "sample_id")], how="horizontal"
    )
    paired = make_pairs(table, calibrated.leave_one_out, Pairing(), 0)
    times.append(time.perf_counter())
    staged = assign_stages(paired.pairs)
    times.append(time.perf_counter())
    assert len(staged.pairs) + len(paired.dropped) == prompts
    steps = dict(zip(("calibrate", "pair", "stage"), np.diff(times).tolist(), strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {**steps, "all": times[-1] - times[0], "GB": peak, "pairs": len(staged.pairs)}


def main() -> None:
    """Measure every size, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, help="measure this size alone, print JSON")
    size = parser.parse_args().prompts
    if size:
        print(json.dumps(measure(size)))
        return
    measured = {}
    for prompts in SIZES:
        command = [sys.executable, __file__, "--prompts", str(prompts)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        measured[prompts] = json.loads(done.stdout.splitlines()[-1])
    rows = [
        (
            f"{prompts:,}",
            f"{prompts * K:,}",
            *(f"{found[step]:.2f} s" for step in ("calibrate", "pair", "stage", "all")),
            f"{found['all'] / prompts * 1e6:.1f} µs",
            f"{found['GB']:.2f} GB",
        )
        for prompts, found in measured.items()
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
