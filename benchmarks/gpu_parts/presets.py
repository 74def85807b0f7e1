"""On a GPU: the presets' own configurations, on models of their policies' shapes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from datasets import Dataset
from found import Found, matmul_rate
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    TrainerCallback,
)
from trl.trainer import dpo_trainer

from recipes.staged.config import Recipe, read_recipe
from recipes.staged.policies import new_adapter
from recipes.staged.trainer import Stage, compute_dtype, make_trainer
from udasa_data.config import ModelRef
from udasa_data.model_files import locate

STEPS: Final = 4
WARM: Final = 2  # steps not timed
ACCUMULATED: Final = 2  # batches a step: as many as the gradients need to be kept over
RECIPES: Final = Path(__file__).parents[2] / "recipes"
# the policies that the presets name
SHAPES: Final[dict[str, Any]] = {
    "smollm": LlamaConfig(
        vocab_size=49152,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=24,
        num_attention_heads=32,
        num_key_value_heads=32,
        tie_word_embeddings=True,
        max_position_embeddings=8192,
    ),
    "mistral": MistralConfig(
        vocab_size=32768,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        sliding_window=None,
        max_position_embeddings=32768,
    ),
    "qwen": Qwen2Config(
        vocab_size=152064,
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
        max_position_embeddings=32768,
    ),
    "llama": LlamaConfig(
        vocab_size=128256,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=131072,
    ),
}


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
    """Return pairs of answers made of words by lot."""
    rng = np.random.default_rng(0)
    known = ["the", "film", "was", "good", "and", "its", "people", "are", "not", "so", "bad"]

    def said(role: str, length: int) -> list[dict[str, str]]:
        return [{"role": role, "content": " ".join(rng.choice(known, length))}]

    rows = [
        {"prompt": said("user", 8), "chosen": said("assistant", words)}
        | {"rejected": said("assistant", words)}
        for _ in range(n)
    ]
    return Dataset.from_list(rows)


def presets() -> Found:
    """Train some steps of each preset on answers that fill its window.

    Of a token's arithmetic the frozen weights' is counted: 2 operations forward and 2 for the
    gradient that passes through. What is recomputed for want of memory, attention, adapters and
    the loss are not, so that the share of the matrix product's rate is what reaches the goal.
    """
    peak = matmul_rate("cuda")
    rows: list[tuple[str, ...]] = []
    ratios = {}
    # names the reference's log-probabilities in a cache; a minute for 7B, no part of a step
    dpo_trainer.hash_module = lambda _: "weights by lot"
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
    return Found(rows, ratios)


def preset(name: str) -> Recipe:
    """Return a preset as it is, but for fewer batches a step, which change no batch's memory."""
    recipe = read_recipe(RECIPES / name / "staged_dpo.yaml")
    options = msgspec.structs.replace(
        recipe.training, steps=STEPS, batch=ACCUMULATED * recipe.device_batch, warmup=0.0
    )
    return msgspec.structs.replace(recipe, training=options)


def trained(recipe: Recipe, shape: Any) -> tuple[int, float, float]:
    """Return the weights that are multiplied, tokens/s and the most gigabytes that were taken."""
    assert recipe.lora is not None
    tokenizer = AutoTokenizer.from_pretrained(locate(ModelRef(id="embedded:lm")).load_from)
    gpu = torch.cuda.is_available()
    with torch.device("cuda" if gpu else "cpu"):
        model = AutoModelForCausalLM.from_config(shape, dtype=compute_dtype(recipe))
    looked_up = 0 if shape.tie_word_embeddings else model.get_input_embeddings().weight.numel()
    weights = sum(weight.numel() for weight in model.parameters()) - looked_up
    options, adapter = recipe.training, new_adapter(recipe.lora)
    # a word is a token or more: all answers are cut
    rows = pairs(STEPS * options.batch, options.max_length)
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    clock = Clock()
    with tempfile.TemporaryDirectory() as out:
        stage = Stage(
            "conservative", 1, options, Path(out), model, None, adapter, rows, None, at_zero=False
        )
        trainer = make_trainer(stage, recipe, tokenizer, lambda _: None)
        trainer.add_callback(clock)
        trainer.train()
    seconds = (clock.ends[-1] - clock.ends[WARM - 1]) / (STEPS - WARM)
    rate = 2 * options.batch * options.max_length / seconds
    return weights, rate, torch.cuda.max_memory_allocated() / 1e9 if gpu else 0.0
