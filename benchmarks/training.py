"""Staged DPO against a plain TRL script: steps a second, and how soon a second run trains.

The plain script is what TRL's documentation shows: DPOTrainer on the published rows, with the
same settings. Both train the same pairs, in turn, so that a change in the machine's speed meets
both. How soon a run trains is the time from the recipe's start, imports aside, to the first step,
on pairs of two random answers of the same build: with an empty cache, then with a full one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_recipes.cli import quiet
from udasa_recipes.staged.beginning import begin
from udasa_recipes.staged.config import Recipe, Thresholds
from udasa_recipes.staged.data import COLUMNS
from udasa_recipes.staged.run import StagedRun
from udasa_recipes.staged.stage_options import StageOptions
from udasa_recipes.staged.trainer import make_trainer

STEPS = 8
ROUNDS = 3
PAIRS = 600  # of the start-up comparison


def recipe() -> Recipe:
    """Return the embedded model's recipe, one stage, no fresh samples."""
    options = StageOptions(steps=STEPS, batch=8, learning_rate=5e-5, max_length=512)
    return Recipe(
        policy=ModelRef(id="embedded:lm"),
        order=("conservative",),
        training=options,
        device_batch=8,
        save_every=1000,
        thresholds=Thresholds(set_aside=0.5, truncated=0.5),
        measures=msgspec.structs.replace(Recipe(policy=ModelRef(id="x")).measures, prompts=0),
    )


def ours(place: Path, out: Path, cache: Path) -> Any:
    """Return the recipe's trainer of its first stage, ready to train."""
    run = StagedRun(recipe(), str(place), out, cache=cache)
    run.ledger.open(run.prepared.record("0"), write=False)
    _, stage = begin(run, 1)
    return make_trainer(stage, run.recipe, run.prepared.tokenizer, lambda _: None)


def plain(place: Path, out: Path) -> Any:
    """Return a plain TRL trainer with the same settings, ready to train."""
    import torch
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    from udasa_data.storage.model_files import locate

    folder = locate(ModelRef(id="embedded:lm")).load_from
    return DPOTrainer(
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        args=DPOConfig(
            output_dir=str(out),
            max_steps=STEPS,
            per_device_train_batch_size=8,
            learning_rate=5e-5,
            max_length=512,
            warmup_steps=2,
            seed=1,
            data_seed=1,
            bf16=False,
            max_grad_norm=1.0,
            use_cpu=not torch.cuda.is_available(),
            gradient_checkpointing=False,
            beta=0.1,
            precompute_ref_log_probs=True,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
        ),
        train_dataset=load_dataset(str(place), "conservative", split="train"),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )


def chat_only(run: Path, folder: Path, n: int | None) -> Path:
    """Write a dataset of chat rows: the build's pairs, or ``n`` pairs of random answers."""
    dataset = run / "dataset" / "data"
    rows = [pl.read_parquet(f) for f in sorted(dataset.glob("[cem]*/train-*.parquet"))]
    table = pl.concat(rows).filter(pl.col("mode") == "chat").select(list(COLUMNS))
    if n is not None:
        files = sorted((dataset / "samples").glob("train-*.parquet"))
        samples = pl.concat([pl.read_parquet(f, columns=["prompt_id", "text"]) for f in files])
        answers = dict(samples.group_by("prompt_id").agg("text").iter_rows())
        rng = np.random.default_rng(0)
        drawn: list[dict[str, Any]] = []
        while len(drawn) < n:
            row = table.row(int(rng.integers(len(table))), named=True)
            texts = rng.choice(answers[row["prompt_id"]], 2, replace=False).tolist()
            if "" in texts or texts[0] == texts[1]:
                continue
            sides = [[{"role": "assistant", "content": text}] for text in texts]
            drawn.append(row | {"chosen": sides[0], "rejected": sides[1]})
        table = pl.DataFrame(drawn, schema=table.schema)
    folder.mkdir()
    table.write_parquet(folder / f"train-{len(table)}.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: conservative\n  data_files:\n  - split: train\n"
        f"    path: train-{len(table)}.parquet\n---\n"
    )
    return folder


def steps_per_second(trainer: Any) -> float:
    """Train; return optimizer steps a second, set-up aside."""
    started = time.perf_counter()
    trainer.train()
    return float(STEPS / (time.perf_counter() - started))


def main() -> None:
    """Print the table and the ratios."""
    options = parser("training")
    options.add_argument("run", nargs="?", type=Path, default="runs/demo", help="a finished build")
    run = options.parse_args().run
    if not (run / "dataset").is_dir():
        raise SystemExit(f"not run: no {run / 'dataset'}; make demo")
    quiet()
    speeds: dict[str, list[float]] = {"plain TRL": [], "recipe": []}
    starts: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            pairs = chat_only(run, folder / "pairs", None)
            for k in range(ROUNDS + 1):  # the first warms up
                trainers = {
                    "plain TRL": lambda k=k: plain(pairs, folder / f"plain-{k}"),
                    "recipe": lambda k=k: ours(pairs, folder / f"ours-{k}", folder / "cache"),
                }
                for side in list(trainers)[:: 1 if k % 2 else -1]:
                    speeds[side].append(steps_per_second(trainers[side]()))
            many = chat_only(run, folder / "many", PAIRS)
            for what in ("first run", "second run"):
                started = time.perf_counter()
                ours(many, folder / what, folder / "second-cache")
                starts[what] = time.perf_counter() - started
        except UserError as error:
            raise SystemExit(f"not run: {error}") from error
    rows = [
        (side, f"{statistics.median(runs[1:]):.3f} steps/s", f"{STEPS} steps, median of {ROUNDS}")
        for side, runs in speeds.items()
    ]
    rows += [
        (f"recipe, {what}", f"{seconds:.1f} s", f"to the first step, {PAIRS} pairs")
        for what, seconds in starts.items()
    ]
    paired = [o / p for o, p in zip(speeds["recipe"][1:], speeds["plain TRL"][1:], strict=True)]
    ratios = {
        "steps_per_second_to_plain_trl": statistics.median(paired),
        "second_start_speedup": starts["first run"] / starts["second run"],
    }
    write_results("training", ("what", "measured", "how"), rows, ratios)


if __name__ == "__main__":
    main()
