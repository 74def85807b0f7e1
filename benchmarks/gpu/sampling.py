"""On a GPU: the transformers engine against the time that reading its weights takes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

from benchmarks.gpu.measured import Measured
from benchmarks.gpu.peaks import copy_rate
from udasa_data.config.build import ModelRef, Sampling
from udasa_data.engines.protocol import PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.storage.model_files import locate

SHAPE: Final = LlamaConfig(  # of Llama 3.2 1B, with a smaller vocabulary
    vocab_size=32000,
    hidden_size=2048,
    intermediate_size=8192,
    num_hidden_layers=16,
    num_attention_heads=32,
    num_key_value_heads=8,
    tie_word_embeddings=True,
    max_position_embeddings=4096,
    bos_token_id=0,
    eos_token_id=1,
)


def policy(folder: Path, shape: LlamaConfig) -> int:
    """Write a policy of a shape with random weights; return its parameters."""
    tokenizer = AutoTokenizer.from_pretrained(locate(ModelRef(id="embedded:lm")).load_from)
    tokenizer.model_max_length = shape.max_position_embeddings
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(shape, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def drawn(folder: Path, prompts: int, tokens: int) -> tuple[int, float]:
    """Draw eight answers to each prompt; return the tokens and the seconds they took."""
    engine = TransformersEngine(locate(ModelRef(id=str(folder))), 2**20)
    policy_prompts = [
        PolicyPrompt((("user", f"What is there to say of number {n}?"),), raw=False, seed=n * 64)
        for n in range(prompts)
    ]
    params = Sampling(samples=8, max_tokens=tokens, top_p=1.0)
    list(engine.sample(policy_prompts[:2], params, lambda _: None))  # warms up
    started = time.perf_counter()
    count = 0
    for _, answers in engine.sample(policy_prompts, params, lambda _: None):
        assert not isinstance(answers, SetAside)
        count += sum(answer.n_tokens for answer in answers)
    seconds = time.perf_counter() - started
    engine.close()
    return count, seconds


def sampling(prompts: int = 16, tokens: int = 64) -> Measured:
    """Return the engine's share of what the memory allows: one read of all weights a step."""
    with tempfile.TemporaryDirectory() as name:
        weights = policy(Path(name), SHAPE)
        count, seconds = drawn(Path(name), prompts, tokens)
    rate = count / seconds
    floor = 8 * prompts * copy_rate() / (2 * weights)
    cells = (f"{rate:,.0f} tokens/s", f"{floor:,.0f} at the memory's rate", f"{rate / floor:.3f}")
    row = ("sampling, 1B", f"{count:,} tokens", *cells, "shown")
    return Measured([row], {"sampling_share_of_bandwidth_floor": rate / floor})
