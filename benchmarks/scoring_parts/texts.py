"""Real answers to score, and the reference that every mode is held against."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.scorers.protocol import Floats, TextPair

DATA: Final = Path(os.environ.get("UDASA_DATA_DIR", Path(__file__).parents[3] / "shared" / "data"))
MOST_WORDS: Final = 160
ANSWERS: Final = DATA / "alpaca_eval" / "model_outputs.parquet"


def answers(n_prompts: int, seed: int = 0) -> list[list[str]]:
    """Return ten models' answers, no two alike, to each of some prompts drawn at random.

    Of those prompts whose answers, two at a time, fit into the model's window: what does not, the
    peers cut and we split, which would not be the same work.

    Raises:
        SystemExit: the data is not there.
    """
    if not ANSWERS.is_file():
        raise SystemExit(f"not run: no {ANSWERS}; set UDASA_DATA_DIR to the folder of real data")
    table = pl.read_parquet(ANSWERS).sort("idx", "generator")
    by_prompt = table.group_by("idx", maintain_order=True).agg("output")
    words = pl.col("output").list.eval(pl.element().str.count_matches(r"\S+"))
    distinct = pl.col("output").list.n_unique() == pl.col("output").list.len()
    whole = by_prompt.filter(distinct, words.list.min() > 0, words.list.max() <= MOST_WORDS)
    drawn = np.random.default_rng(seed).choice(len(whole), n_prompts, replace=False)
    found: list[list[str]] = whole["output"].gather(drawn).to_list()
    return found


def between(texts: list[str]) -> list[TextPair]:
    """Return the ordered pairs of answers; equal texts entail each other without a model."""
    return [TextPair(a, b) for i, a in enumerate(texts) for b in texts if texts[i] != b]


class Reference(NamedTuple):
    """What the plain model says of N pairs, and in what time."""

    p: Floats  # p_e and p_c, [N, 2]
    seconds: float


def one_by_one(model: Path, pairs: list[TextPair], device: str = "cpu") -> Reference:
    """Run the plain model in float32, a pair at a time."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    plain: Any = AutoModelForSequenceClassification.from_pretrained(model, dtype=torch.float32)
    plain.eval().to(device)
    named = {label.lower()[:6]: n for n, label in plain.config.id2label.items()}
    found = []
    started = perf_counter()
    with torch.inference_mode():
        for pair in pairs:
            options = {"truncation": "longest_first", "max_length": 512, "return_tensors": "pt"}
            inputs = tokenizer(pair.first, pair.second, **options).to(device)
            found.append(plain(**inputs).logits[0].softmax(-1).double().cpu().numpy())
    p = np.array(found)[:, [named["entail"], named["contra"]]]
    return Reference(p, perf_counter() - started)
