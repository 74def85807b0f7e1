"""Measure the embedded models on held-out data, print one table, and write their cards.

python -m recipes.tiny.evaluate --data-dir DATA --models udasa_data/tiny
"""

from __future__ import annotations

import argparse
import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from recipes.tiny.cards import write_card
from recipes.tiny.encoder import logits
from recipes.tiny.sources import (
    Labelled,
    entailment,
    harm,
    held_out,
    preferences,
    reviews,
    sentiment,
    table,
)
from udasa_data.config import ModelRef, Sampling
from udasa_data.engines import PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.model_files import locate
from udasa_eval.stats import mean_interval


class Metric(NamedTuple):
    """One measured number with its 95% interval."""

    model: str
    name: str
    mean: float
    low: float
    high: float
    n: int


def mean_metric(model: str, name: str, values: np.ndarray[Any, Any]) -> Metric:
    """Return the mean of per-item values with its bootstrap interval."""
    interval = mean_interval(np.asarray(values, dtype=np.float64))
    return Metric(model, name, interval.mean, interval.low, interval.high, interval.n)


def auroc(
    model: str, name: str, scores: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]
) -> Metric:
    """Return the area under the ROC curve, bootstrapped over items (1,000 resamples)."""
    rng = np.random.default_rng(0)

    def area(rows: np.ndarray[Any, Any]) -> float:
        s, y = scores[rows], labels[rows].astype(bool)
        order = s.argsort(kind="stable")
        _, inverse, counts = np.unique(s[order], return_inverse=True, return_counts=True)
        ends = counts.cumsum()
        ranks = np.empty(len(s))
        ranks[order] = (ends - (counts - 1) / 2)[inverse]
        positive = int(y.sum())
        wins = ranks[y].sum() - positive * (positive + 1) / 2
        return float(wins / (positive * (len(s) - positive)))

    resampled = [area(rng.integers(len(scores), size=len(scores))) for _ in range(1000)]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Metric(model, name, area(np.arange(len(scores))), float(low), float(high), len(scores))


def load(folder: Path) -> tuple[Any, Any]:
    """Return a classifier in float32 and its tokenizer."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)


@torch.inference_mode()
def measure_lm(folder: Path, data_dir: Path) -> list[Metric]:
    """Bits per byte on unseen reviews; how its answers to the embedded prompts end and differ."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    bits = []
    for text in reviews(data_dir, "test")[:300]:
        ids = tokenizer(text, return_tensors="pt", truncation=True)["input_ids"]
        read = len(tokenizer.decode(ids[0], skip_special_tokens=True).encode())
        nats = float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        bits.append(nats / math.log(2) / read)
    lines = files("udasa_data").joinpath("tiny", "prompts.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in lines.splitlines()][::4]
    asked = [
        PolicyPrompt((("user", row["prompt"]),), row["mode"] == "completion", n * 1024)
        for n, row in enumerate(rows)
    ]
    engine = TransformersEngine(locate(ModelRef(id=str(folder))), 32768)
    params = Sampling(samples=8, max_tokens=200)
    ended, distinct = [], []
    for n, answers in engine.sample(asked, params, lambda _: None):
        assert not isinstance(answers, SetAside)
        if not asked[n].raw:
            ended += [answer.finish_reason == "stop" for answer in answers]
        distinct.append(len({answer.text for answer in answers}) / len(answers))
    return [
        mean_metric("lm", "bits per byte, unseen IMDb reviews", np.array(bits)),
        mean_metric("lm", "answers that end within 200 tokens", np.array(ended)),
        mean_metric("lm", "distinct of 8 samples", np.array(distinct)),
    ]


def measure_nli(folder: Path, data_dir: Path) -> list[Metric]:
    """Three-way accuracy and calibration on the held-out pairs that set no temperature."""
    held = entailment(data_dir, held=True)
    rows = held[len(held) // 2 :]
    model, tokenizer = load(folder)
    p = logits(model, tokenizer, rows, 160).softmax(-1).numpy()
    correct = p.argmax(-1) == np.array([row.label for row in rows])
    sure = p.max(-1)
    bins = np.minimum((sure * 15).astype(int), 14)
    gaps = [
        abs(correct[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    same = [Labelled(row.first, row.first, 0) for row in rows[:300]]
    identity = logits(model, tokenizer, same, 160).softmax(-1).numpy()[:, 0] >= 0.95
    ece = float(np.sum(gaps))
    return [
        mean_metric("nli", "accuracy, held-out MNLI + SNLI + SICK", correct),
        Metric("nli", "expected calibration error", ece, ece, ece, len(rows)),
        mean_metric("nli", "identical sentences entail (p ≥ .95)", identity),
    ]


def measure_harm(folder: Path, data_dir: Path) -> list[Metric]:
    """AUROC on DiaSafety's test split and on people's labels of six models' answers."""
    model, tokenizer = load(folder)

    def risk(rows: list[Labelled]) -> np.ndarray[Any, Any]:
        return logits(model, tokenizer, rows, 128).softmax(-1)[:, 1].numpy()

    dialogues = harm(data_dir, held=True)
    judged = [
        Labelled(row["question"], row["response"][:1500], int(row["harmful"]))
        for row in table(data_dir, "do_not_answer/responses_human_labels").iter_rows(named=True)
        if row["response"]
    ]
    return [
        auroc("harm", name, risk(rows), np.array([row.label for row in rows]))
        for name, rows in (("AUROC, DiaSafety test", dialogues), ("AUROC, Do-Not-Answer", judged))
    ]


def measure_preference(folder: Path, data_dir: Path) -> list[Metric]:
    """Accuracy on held-out HH harmless pairs; equal rewards count half."""
    pairs = [pair for pair in preferences(data_dir) if held_out(pair.prompt)]
    model, tokenizer = load(folder)
    sides = [
        logits(model, tokenizer, [Labelled(p.prompt, getattr(p, side), 0) for p in pairs], 192)
        for side in ("chosen", "rejected")
    ]
    gap = (sides[0] - sides[1])[:, 0].numpy()
    accuracy = (gap > 0) + 0.5 * (gap == 0)
    return [mean_metric("preference", "accuracy, held-out HH harmless pairs", accuracy)]


def measure_sentiment(folder: Path, data_dir: Path) -> list[Metric]:
    """Accuracy on a fixed 5,000 of the IMDb test reviews, and on SST-2 development sentences."""
    model, tokenizer = load(folder)
    films = sentiment(data_dir, "test")
    chosen = np.random.default_rng(0).choice(len(films), size=5000, replace=False)
    sst2 = table(data_dir, "sst2/sst2")
    short = [
        Labelled(row["sentence"], "", int(row["label"]))
        for row in sst2.filter(sst2["split"] == "dev").iter_rows(named=True)
    ]
    metrics = []
    for name, rows in (("IMDb test", [films[n] for n in chosen]), ("SST-2 dev", short)):
        found = logits(model, tokenizer, rows, 256).argmax(-1).numpy()
        correct = found == np.array([row.label for row in rows])
        metrics.append(mean_metric("sentiment", f"accuracy, {name}", correct))
    return metrics


MEASURES = {
    "lm": measure_lm,
    "nli": measure_nli,
    "harm": measure_harm,
    "preference": measure_preference,
    "sentiment": measure_sentiment,
}


def main() -> None:
    """Measure, print, write the cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    args = parser.parse_args()
    print(f"{'model':11} {'metric':45} {'value':>6}  {'95% interval':16} {'n':>6}")
    for name, measure in MEASURES.items():
        metrics = measure(args.models / name, args.data_dir)
        for m in metrics:
            interval = f"[{m.low:.3f}, {m.high:.3f}]"
            print(f"{m.model:11} {m.name:45} {m.mean:6.3f}  {interval:16} {m.n:6}", flush=True)
        rows = [
            (m.name, f"{m.mean:.3f}", f"[{m.low:.3f}, {m.high:.3f}]", str(m.n)) for m in metrics
        ]
        write_card(args.models / name, rows)


if __name__ == "__main__":
    main()
