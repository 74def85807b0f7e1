"""On a GPU: large encoders in bfloat16 against the float32 loop, a pair at a time.

The weights are random: speed does not depend on them, and nothing is downloaded.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from found import Found, matmul_rate
from texts import answers, between, one_by_one
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DebertaV2Config,
    ModernBertConfig,
)

from udasa_data.config import ModelRef
from udasa_data.model_files import locate
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer

LABELS = {
    "id2label": {0: "entailment", 1: "neutral", 2: "contradiction"},
    "label2id": {"entailment": 0, "neutral": 1, "contradiction": 2},
}
# the shapes of microsoft/deberta-v3-large and answerdotai/ModernBERT-large
ENCODERS: dict[str, Any] = {
    "deberta_v3_large": DebertaV2Config(
        vocab_size=128100,
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        relative_attention=True,
        position_buckets=256,
        pos_att_type=["p2c", "c2p"],
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        type_vocab_size=0,
        **LABELS,
    ),
    "modernbert_large": ModernBertConfig(
        hidden_size=1024,
        num_hidden_layers=28,
        num_attention_heads=16,
        intermediate_size=2624,
        **LABELS,
    ),
}
LOOP_PAIRS = 100  # of the slow loop


def encoders(n_prompts: int = 20) -> Found:
    """Score all ordered pairs of ten answers to each of some prompts."""
    embedded = Path(locate(ModelRef(id="embedded:nli")).load_from)
    pairs = [pair for texts in answers(n_prompts) for pair in between(texts)]
    peak = matmul_rate("cuda")
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, float] = {}
    for name, config in ENCODERS.items():
        speed, loop, rate = measure(config, embedded, pairs, "cuda")
        ratios[f"{name}_bfloat16"] = speed / loop
        ratios[f"{name}_share_of_matmul"] = rate / peak
        cells = (f"{speed:,.0f} pairs/s", f"{loop:,.0f} pairs/s", f"{speed / loop:.1f}", "≥ 10")
        rows.append((f"{name} bfloat16", f"{len(pairs):,} pairs", *cells))
        share = (f"{rate / 1e12:.0f} TFLOP/s", f"{peak / 1e12:.0f} TFLOP/s", f"{rate / peak:.2f}")
        rows.append((f"{name} share of matmul", f"{len(pairs):,} pairs", *share, "≥ 0.35"))
    return Found(rows, ratios)


def measure(
    config: Any, tokenizer: Path, pairs: list[TextPair], device: str
) -> tuple[float, float, float]:
    """Return pairs/s in bfloat16, pairs/s of the float32 loop, and FLOP/s in bfloat16."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = AutoTokenizer.from_pretrained(tokenizer)
        words.model_input_names = ["input_ids", "attention_mask"]
        words.save_pretrained(folder)
        config.pad_token_id = words.pad_token_id
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_config(config)
        flop = sum(flop_of_pair(model, length) for length in lengths(words, pairs))
        model.save_pretrained(folder)
        del model
        nli = NliScorer(locate(ModelRef(id=str(folder))), Options(precision="bfloat16"))
        nli(pairs, no_progress)  # warms up: kernels are loaded shape by shape
        started = time.perf_counter()
        nli(pairs, no_progress)  # returns when its numbers are on the CPU
        seconds = time.perf_counter() - started
        one_by_one(folder, pairs[:3], device)
        some = pairs[:LOOP_PAIRS]
        loop = one_by_one(folder, some, device).seconds
    return len(pairs) / seconds, len(some) / loop, flop / seconds


def lengths(tokenizer: Any, pairs: list[TextPair]) -> list[int]:
    """Return the tokens of each pair, as cut by the scorer."""
    firsts, seconds = zip(*pairs, strict=True)
    ids = tokenizer(list(firsts), list(seconds), truncation="longest_first", max_length=512)
    return [len(row) for row in ids["input_ids"]]


def flop_of_pair(model: Any, length: int) -> float:
    """Return the multiplications and additions that a pair needs, padding not counted.

    2 for each weight of a linear layer and token, 4·L·width for a token's attention in each layer.
    The relative positions of DeBERTa and the local windows of ModernBERT are left out of account.
    """
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    weights = sum(module.weight.numel() for module in linear)
    config = model.config
    attention = 4 * length * config.hidden_size * config.num_hidden_layers
    return float(length * (2 * weights + attention))
