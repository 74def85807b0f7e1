"""The reference that every mode is compared with: the plain model in float32, a pair at a time."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.scorers.protocol import Floats, TextPair


class Reference(NamedTuple):
    """What the plain model says of N pairs, and in what time."""

    p: Floats  # p_e and p_c, [N, 2]
    seconds: float


def one_by_one(model: Path, pairs: list[TextPair], device: str = "cpu") -> Reference:
    """Run the plain model in float32, a pair at a time."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    plain: Any = AutoModelForSequenceClassification.from_pretrained(model, dtype=torch.float32)
    plain.eval().to(device)
    classes = {label.lower()[:6]: n for n, label in plain.config.id2label.items()}
    probabilities = []
    started = perf_counter()
    with torch.inference_mode():
        for pair in pairs:
            options = {"truncation": "longest_first", "max_length": 512, "return_tensors": "pt"}
            inputs = tokenizer(pair.first, pair.second, **options).to(device)
            probabilities.append(plain(**inputs).logits[0].softmax(-1).double().cpu().numpy())
    p = np.array(probabilities)[:, [classes["entail"], classes["contra"]]]
    return Reference(p, perf_counter() - started)
