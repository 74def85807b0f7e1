"""How much of what an adapter learnt is left in bfloat16 weights, rounded stochastically or not.

Adapters of the embedded policy are trained at several rates, on its weights in bfloat16. What they
change is the log-probabilities of both answers of each held-out pair; "kept" is the slope of that
change, after merging, on the change without rounding. All is multiplied in float32, so that nothing
but the weights is rounded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from peft import PeftModel

from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_recipes.cli import quiet
from udasa_recipes.staged.config import Lora, Recipe, StageOptions, Thresholds
from udasa_recipes.staged.measures import load_model, pair_logps
from udasa_recipes.staged.merging import merge
from udasa_recipes.staged.run import StagedRun

RATES: Final = (5e-6, 5e-5, 2e-4)
HEADER: Final = ("learning rate", "|change| of log p", "rounded", "kept", "rest, rms", "target")


def recipe(rate: float) -> Recipe:
    """Return one stage of adapters on bfloat16 weights."""
    return Recipe(
        policy=ModelRef(id="embedded:lm"),
        order=("conservative",),
        weights="bfloat16",
        training=StageOptions(steps=40, batch=8, learning_rate=rate, max_length=256),
        device_batch=8,
        lora=Lora(rank=16, alpha=32),
        thresholds=Thresholds(set_aside=0.5, truncated=0.5),
        measures=msgspec.structs.replace(Recipe(policy=ModelRef(id="x")).measures, prompts=0),
    )


def at_rate(dataset: str, rate: float, out: Path) -> tuple[list[tuple[str, ...]], dict[str, float]]:
    """Train at a rate, merge in both ways, and return the lines of the table."""
    run = StagedRun(recipe(rate), dataset, out)
    run.train_and_save()
    encoded = [pair for split in run.prepared.tests.values() for pair in split.encoded]
    pad = run.prepared.tokenizer.pad_token_id

    def adapted(dtype: torch.dtype) -> Any:
        below = load_model(run.policy_at(0), torch.bfloat16).to(dtype)
        return PeftModel.from_pretrained(below, str(run.folder(1) / "adapter"))

    def log_p(model: Any) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = pair_logps(model.float().eval(), encoded, pad).ravel()
        return found

    before = log_p(load_model(run.policy_at(0), torch.bfloat16))
    truth = log_p(adapted(torch.float32).merge_and_unload()) - before
    ways: dict[str, Callable[[], Any]] = {
        "to the nearest": lambda: adapted(torch.bfloat16).merge_and_unload(),
        "stochastically": lambda: merge(adapted(torch.bfloat16), "default", 0),
    }
    rows: list[tuple[str, ...]] = []
    ratios = {}
    for way, merged in ways.items():
        change = log_p(merged()) - before
        kept = float(change @ truth / (truth @ truth))
        rest = float(np.sqrt(np.mean((change - truth) ** 2)))
        target = "≥ 0.8" if way == "stochastically" else "shown"
        size = f"{np.abs(truth).mean():.3f}"
        rows.append((f"{rate:g}", size, way, f"{kept:.2f}", f"{rest:.3f}", target))
        ratios[f"kept_{way.replace(' ', '_')}_at_{rate:g}"] = kept
    return rows, ratios


def main() -> None:
    """Print the table and the ratios."""
    options = parser("merging")
    options.add_argument("run", nargs="?", type=Path, default="runs/demo", help="a finished build")
    dataset = options.parse_args().run / "dataset"
    if not dataset.is_dir():
        raise SystemExit(f"not run: no {dataset}; make demo")
    quiet()
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for rate in RATES:
            try:
                lines, kept = at_rate(str(dataset), rate, Path(folder) / f"{rate:g}")
            except UserError as error:
                raise SystemExit(f"not run: {error}") from error
            rows += lines
            ratios |= kept
    write_results("merging", HEADER, rows, ratios)


if __name__ == "__main__":
    main()
