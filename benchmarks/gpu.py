"""On a GPU: scoring, sampling and training of large models with random weights, in bfloat16.

python benchmarks/gpu.py [--prompts N]

Encoders of the shapes of DeBERTa-v3-large and ModernBERT-large against a pair at a time in float32;
the transformers engine on a model of Llama-3.2-1B's shape against the time that reading its weights
takes; LoRA DPO of the same model as the recipe trains it, against the card's matrix product. Speed
does not depend on the weights. Scored texts are real answers (UDASA_DATA_DIR); those trained on are
words by lot.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent / "scoring_parts"))

import numpy as np
import torch
from datasets import Dataset
from gpu_encoders import gpu_rows, matmul_rate
from report import write_results
from texts import answers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, TrainerCallback

from recipes.staged.config import Lora, Recipe, StageOptions
from recipes.staged.trainer import Stage, make_trainer
from udasa_data.config import ModelRef, Sampling
from udasa_data.engines import PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.model_files import locate

HEADER: Final = ("what", "n", "ours", "against", "ratio", "target", "", "")
SHAPE: Final = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "tie_word_embeddings": True,
    "max_position_embeddings": 4096,
}
EMBEDDED: Final = "embedded:lm"
STEPS: Final = 12
WARM: Final = 4  # steps not timed
BATCH: Final = 16  # pairs


class Found(NamedTuple):
    """Lines of the table and ratios by name."""

    rows: list[tuple[str, ...]]
    ratios: dict[str, float]


def policy(folder: Path, shape: dict[str, Any]) -> int:
    """Write a policy of a shape with random weights; return its parameters."""
    tokenizer = AutoTokenizer.from_pretrained(locate(ModelRef(id=EMBEDDED)).load_from)
    tokenizer.model_max_length = shape["max_position_embeddings"]
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(vocab_size=32000, bos_token_id=0, eos_token_id=1, **shape)
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def copy_rate(size: int = 2**30) -> float:
    """Return bytes a second of a copy within the GPU's memory, read and written ones counted."""
    one = torch.empty(size, dtype=torch.uint8, device="cuda").random_()
    other = torch.empty_like(one)
    other.copy_(one)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        other.copy_(one)
    torch.cuda.synchronize()
    return 20 * size / (time.perf_counter() - started)


def sampling(folder: Path, weights: int, *, prompts: int = 16, tokens: int = 64) -> Found:
    """Draw eight answers to each prompt; the floor reads all weights once a step."""
    engine = TransformersEngine(locate(ModelRef(id=str(folder))), 2**20)
    asked = [
        PolicyPrompt((("user", f"What is there to say of number {n}?"),), raw=False, seed=n * 64)
        for n in range(prompts)
    ]
    params = Sampling(samples=8, max_tokens=tokens, top_p=1.0)
    list(engine.sample(asked[:2], params, lambda _: None))  # warms up
    started = time.perf_counter()
    drawn = 0
    for _, got in engine.sample(asked, params, lambda _: None):
        assert not isinstance(got, SetAside)
        drawn += sum(answer.n_tokens for answer in got)
    rate = drawn / (time.perf_counter() - started)
    engine.close()
    floor = 8 * prompts * copy_rate() / (2 * weights)
    cells = (f"{rate:,.0f} tokens/s", f"{floor:,.0f} at the memory's rate", f"{rate / floor:.2f}")
    row = ("sampling, 1B", f"{drawn:,} tokens", *cells, "shown", "", "")
    return Found([row], {"sampling_share_of_bandwidth_floor": rate / floor})


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


def training(folder: Path, weights: int, *, words: int = 500) -> Found:
    """Train adapters as the recipe does, and compare its arithmetic with the matrix product's.

    A frozen weight costs 4 operations a token: 2 forward, and 2 for the gradient that passes
    through; attention, adapters and the loss are left out of account.
    """
    from peft import LoraConfig

    options = StageOptions(steps=STEPS, batch=BATCH, learning_rate=1e-5, max_length=1024)
    recipe = Recipe(
        policy=ModelRef(id=str(folder)), training=options, device_batch=BATCH, lora=Lora(rank=16)
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    adapter = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    with tempfile.TemporaryDirectory() as out:
        rows = pairs(STEPS * BATCH, words)
        stage = Stage(
            "conservative", 1, options, Path(out), model, None, adapter, rows, None, at_zero=False
        )
        trainer = make_trainer(stage, recipe, tokenizer, lambda _: None)
        clock = Clock()
        trainer.add_callback(clock)
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        trainer.train()
    seconds = (clock.ends[-1] - clock.ends[WARM - 1]) / (STEPS - WARM)
    sides = [row[side] for row in rows for side in ("chosen", "rejected")]
    length = np.mean([len(tokenizer(side[0]["content"])["input_ids"]) for side in sides])
    rate = 2 * BATCH * float(length) / seconds
    share = 4 * weights * rate / matmul_rate("cuda")
    memory = torch.cuda.max_memory_allocated() / 1e9
    cells = (f"{rate:,.0f} tokens/s", f"{memory:.1f} GB at most", f"{share:.2f} of matmul")
    return Found(
        [("LoRA DPO, 1B", f"{BATCH} pairs × {length:.0f}", *cells, "shown", "", "")],
        {"lora_share_of_matmul": share},
    )


def main() -> None:
    """Print the table and the ratios; without a GPU one line that says so."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--prompts", type=int, default=20, help="of ten answers each, scored")
    given = options.parse_args()
    if not torch.cuda.is_available():
        print("not run: no GPU")
        return
    embedded = Path(locate(ModelRef(id="embedded:nli")).load_from)
    rows, ratios = gpu_rows(answers(given.prompts), embedded)
    with tempfile.TemporaryDirectory() as name:
        weights = policy(Path(name), SHAPE)
        parts = [sampling(Path(name), weights), training(Path(name), weights)]
    rows += [row for part in parts for row in part.rows]
    for part in parts:
        ratios |= part.ratios
    print(torch.cuda.get_device_name())
    write_results("gpu", HEADER, rows, ratios)


if __name__ == "__main__":
    main()
