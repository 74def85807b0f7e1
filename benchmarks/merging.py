"""How much of what was learnt is left in the weights that are saved, rounded stochastically or not.

A policy is trained at several rates, all its weights and adapters; "kept" is the slope of the saved
change of log-probabilities on the trained one, over both answers of pairs that were not trained on.
All is multiplied in float32, so that nothing but the weights is rounded. ``--policy FOLDER`` takes
another policy than the embedded one, the dataset being its own or not.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch

from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_recipes.cli import quiet
from udasa_recipes.staged import policies
from udasa_recipes.staged.config import Lora, Recipe, Thresholds
from udasa_recipes.staged.data import load_split
from udasa_recipes.staged.kept import kept_share, logps_of, spread
from udasa_recipes.staged.measures import Floats, load_model, sides_of
from udasa_recipes.staged.mixture import Encoded, render
from udasa_recipes.staged.run import StagedRun
from udasa_recipes.staged.stage_options import StageOptions

RATES: Final = {"all weights": (5e-7, 5e-6), "adapters": (5e-7, 5e-6, 5e-5, 2e-4)}
NOT_TRAINED: Final = ("moderate", "exploratory")
HEADER: Final = (
    *("trained", "learning rate", "|change| of log p", "rounded", "kept", "rest, rms", "target"),
)


def recipe(policy: str, kind: str, rate: float, options: Namespace) -> Recipe:
    """Return one stage of a kind of training."""
    return Recipe(
        policy=ModelRef(id=policy),
        order=("conservative",),
        served="bfloat16",
        training=StageOptions(
            steps=options.steps, batch=8, learning_rate=rate, max_length=options.max_length
        ),
        device_batch=8,
        lora=Lora(rank=16, alpha=32) if kind == "adapters" else None,
        thresholds=Thresholds(set_aside=0.9, truncated=1.0),
        measures=msgspec.structs.replace(Recipe(policy=ModelRef(id="x")).measures, prompts=0),
    )


def not_trained_on(run: StagedRun, options: Namespace) -> list[Encoded]:
    """Return pairs of the other stages, and held-out ones."""
    prepared = run.prepared
    found = [pair for test in prepared.tests.values() for pair in test.encoded]
    for stage in NOT_TRAINED:
        table = load_split(prepared.source, stage).train
        found += render(table, prepared.renderer, options.max_length, completion=True).encoded
    pairs: list[Encoded] = spread(found, options.pairs)
    return pairs


def at_rate(
    dataset: str, kind: str, rate: float, options: Namespace, out: Path
) -> tuple[list[tuple[str, ...]], dict[str, float]]:
    """Train at a rate, and return the lines of the table."""
    run = StagedRun(recipe(options.policy, kind, rate, options), dataset, out, out / "cache")
    run.train_and_save()
    rows = sides_of(not_trained_on(run, options))
    pad = run.prepared.tokenizer.pad_token_id
    load_trained = policies.loads_trained(run.target(1))
    assert load_trained is not None

    def logps(load: Callable[[], Any]) -> Floats:
        found = logps_of(load, rows, pad)
        assert found is not None
        return found

    def to_the_nearest() -> Any:
        return load_trained().to(torch.bfloat16).float()

    before = logps(partial(load_model, run.policy_at(0), torch.float32))
    trained = logps(load_trained)
    ways: dict[str, Callable[[], Any]] = {
        "to the nearest": to_the_nearest,
        "stochastically": partial(load_model, run.policy_at(1), torch.float32),
    }
    lines: list[tuple[str, ...]] = []
    ratios: dict[str, float] = {}
    for way, load in ways.items():
        served = logps(load)
        kept = kept_share(before, trained, served)
        rest = float(np.sqrt(np.mean((served - trained) ** 2)))
        target = "≥ 0.95" if way == "stochastically" else "shown"
        size = f"{np.abs(trained - before).mean():.3f}"
        lines.append((kind, f"{rate:g}", size, way, f"{kept:.2f}", f"{rest:.3f}", target))
        ratios[f"kept_{way}_of_{kind}_at_{rate:g}".replace(" ", "_")] = kept
    return lines, ratios


def main() -> None:
    """Print the table and the ratios."""
    options = parser("merging")
    options.add_argument("run", nargs="?", type=Path, default="runs/demo", help="a finished build")
    options.add_argument("--policy", default="embedded:lm", help="a folder or a Hub id")
    options.add_argument("--pairs", type=int, default=200, help="that log p is measured on")
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--max-length", type=int, default=256, help="tokens of a pair's side")
    options.add_argument("--kinds", nargs="+", choices=RATES, default=list(RATES))
    options.add_argument("--rates", nargs="+", type=float, help="in place of all of them")
    asked = options.parse_args()
    dataset = asked.run / "dataset"
    if not dataset.is_dir():
        raise SystemExit(f"not run: no {dataset}; make demo")
    quiet()
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in asked.kinds:
            for rate in asked.rates or RATES[kind]:
                out = Path(folder) / f"{kind}-{rate:g}"
                try:
                    lines, kept = at_rate(str(dataset), kind, rate, asked, out)
                except UserError as error:
                    raise SystemExit(f"not run: {error}") from error
                rows += lines
                ratios |= kept
    write_results("merging", HEADER, rows, ratios)


if __name__ == "__main__":
    main()
