"""The presets' own configurations, on models of their policies' shapes."""

from __future__ import annotations

import math
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl.trainer import dpo_trainer

from benchmarks.gpu.measured import Measured
from benchmarks.gpu.peaks import matmul_rate
from benchmarks.gpu.policies import SHAPES
from benchmarks.paths import ROOT
from udasa_data.config.build import ModelRef
from udasa_data.storage.model_files import locate
from udasa_recipes.staged.config import Recipe, read_recipe
from udasa_recipes.staged.launched import compute_dtype
from udasa_recipes.staged.policies import new_adapter
from udasa_recipes.staged.stage import Stage
from udasa_recipes.staged.trainer import make_trainer

STEPS: Final = 4
WARM: Final = 2  # steps not timed
ACCUMULATED: Final = 2  # batches a step: as many as gradients need to be kept over
RECIPES: Final = ROOT / "recipes"


class Clock(TrainerCallback):  # type: ignore[misc]
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Note the time at which the GPU has finished the step."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def pairs(n: int, words: int) -> Dataset:
    """Return pairs of answers made of random words."""
    rng = np.random.default_rng(0)
    vocabulary = ["the", "film", "was", "good", "and", "its", "people", "are", "not", "so", "bad"]

    def turn(role: str, length: int) -> list[dict[str, str]]:
        return [{"role": role, "content": " ".join(rng.choice(vocabulary, length))}]

    rows = [
        {"prompt": turn("user", 8), "chosen": turn("assistant", words)}
        | {"rejected": turn("assistant", words)}
        for _ in range(n)
    ]
    return Dataset.from_list(rows)


def presets() -> Measured:
    """Train some steps of each preset on answers that fill its window.

    Of a token's arithmetic the frozen weights' is counted: 2 operations forward and 2 for the
    gradient that passes through. What is recomputed for want of memory, attention, adapters and
    the loss are not, so that the share of the matrix product's rate is what reaches the goal.
    """
    peak = matmul_rate("cuda")
    rows: list[tuple[str, ...]] = []
    ratios = {}
    for name, shape in SHAPES.items():
        recipe = preset(name)
        weights, rate, memory = trained(recipe, shape)
        share = 4 * weights * rate / peak
        tokens = f"{2 * recipe.device_batch} × {recipe.training.max_length} tokens"
        cells = (f"{rate:,.0f} tokens/s", f"{memory:.1f} GB at most", f"{share:.2f} of matmul")
        rows.append((f"LoRA DPO, {name} ({weights / 1e9:.2f}B)", tokens, *cells, "shown"))
        ratios[f"{name}_lora_share_of_matmul"] = share
        ratios[f"{name}_peak_gigabytes"] = memory
        torch.cuda.empty_cache()
    return Measured(rows, ratios)


def preset(name: str, steps: int = STEPS, batches: int = ACCUMULATED) -> Recipe:
    """Return a preset as it is, but for fewer batches a step, which change no batch's memory."""
    recipe = read_recipe(RECIPES / name / "staged_dpo.yaml")
    options = msgspec.structs.replace(
        recipe.training, steps=steps, batch=batches * recipe.device_batch, warmup=0.0
    )
    # bfloat16 on a GPU in any case; on a CPU it must be said
    return msgspec.structs.replace(recipe, training=options, weights="bfloat16")


class Trained(NamedTuple):
    """What training some steps took.

    Attributes:
        weights: that are multiplied.
        rate: tokens a second in the steps after the first ones; NaN if there are none.
        gigabytes: at most, on the GPU, or on a CPU of the process beyond what it began with.
    """

    weights: int
    rate: float
    gigabytes: float


def trained(recipe: Recipe, shape: Any) -> Trained:
    """Train a policy of a shape, with random weights, as a recipe says."""
    assert recipe.lora is not None
    # names the reference's log-probabilities in a cache; a minute for 7B, no part of a step
    dpo_trainer.hash_module = lambda _: "random weights"
    tokenizer = AutoTokenizer.from_pretrained(locate(ModelRef(id="embedded:lm")).load_from)
    memory = Memory()
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(shape, dtype=compute_dtype(recipe))
    looked_up = 0 if shape.tie_word_embeddings else model.get_input_embeddings().weight.numel()
    weights = sum(weight.numel() for weight in model.parameters()) - looked_up
    options, adapter = recipe.training, new_adapter(recipe.lora)
    assert options.steps is not None
    # a word is a token or more: all answers are cut
    rows = pairs(options.steps * options.batch, options.max_length)
    clock = Clock()
    with tempfile.TemporaryDirectory() as out:
        stage = Stage(
            "conservative", 1, options, Path(out), model, None, adapter, rows, None, at_zero=False
        )
        trainer = make_trainer(stage, recipe, tokenizer, lambda _: None)
        trainer.add_callback(clock)
        trainer.train()
    timed = clock.ends[WARM - 1 :]
    seconds = (timed[-1] - timed[0]) / (len(timed) - 1) if len(timed) > 1 else math.nan
    rate = 2 * options.batch * options.max_length / seconds
    return Trained(weights, rate, memory.gigabytes())


class Memory:
    """The most memory that is taken from now on."""

    def __init__(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        else:
            Path("/proc/self/clear_refs").write_text("5")  # the peak is what is taken now
            self.before = self._of_process("VmHWM")

    def gigabytes(self) -> float:
        """Return the peak: the GPU's, or the process's beyond what it had."""
        if torch.cuda.is_available():
            return torch.cuda.max_memory_allocated() / 1e9
        return (self._of_process("VmHWM") - self.before) / 1e9

    @staticmethod
    def _of_process(name: str) -> int:
        status = Path("/proc/self/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        assert found is not None
        return 1024 * int(found[1])
