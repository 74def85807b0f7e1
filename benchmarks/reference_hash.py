"""What it takes to know a stage's reference by its weights: TRL's hash and ours, or ours alone.

TRL hashes all weights for the name of a file, 16-bit ones as float32, in every process; we hashed
them once more, in every process, to check that the trainer holds the reference that was asked for.
Now one process does so, once. The model is a stack of matrices in bfloat16, at random.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import torch
from trl.trainer.utils import hash_module

from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_recipes.staged.references import model_sha256

WIDTH: Final = 1024


def seconds(take: Callable[[Any], str], model: Any, rounds: int = 3) -> float:
    """Return the least processor time of a few rounds."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        take(model)
        taken.append(time.process_time() - started)
    return min(taken)


def main() -> None:
    """Measure both, print the table."""
    options = parser("reference_hash")
    options.add_argument("--parameters", type=int, default=100_000_000)
    n = options.parse_args().parameters // WIDTH**2
    layers = [torch.nn.Linear(WIDTH, WIDTH, bias=False, dtype=torch.bfloat16) for _ in range(n)]
    model = torch.nn.Sequential(*layers)
    theirs, ours = seconds(hash_module, model), seconds(model_sha256, model)
    billions = n * WIDTH**2 / 1e9
    rows = [
        (name, f"{taken:.2f} s", f"{taken / billions:.1f} s")
        for name, taken in (("TRL's and ours", theirs + ours), ("ours alone", ours))
    ]
    ratios = {"both_over_ours_in_each_process": (theirs + ours) / ours}
    header = ("hashes", "this model", "10⁹ parameters")
    write_results("reference_hash", header, rows, ratios)


if __name__ == "__main__":
    main()
