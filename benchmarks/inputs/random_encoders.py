"""Large encoders that cannot be had here: their shapes, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DebertaV2Config,
    ModernBertConfig,
)

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


def save_random(config: Any, donor: Path, folder: Path) -> Any:
    """Save a classifier of a shape with random weights; return its tokenizer, another model's."""
    tokenizer = AutoTokenizer.from_pretrained(donor)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(folder)
    config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    return tokenizer
