"""Train the embedded value and sentiment scorers: harm, preference, sentiment.

python -m recipes.tiny.train_classifiers harm --data-dir DATA --out udasa_data/tiny/harm
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from recipes.tiny.encoder import (
    encode,
    fit,
    fold_temperature,
    logits,
    prune_vocabulary,
    save,
    small,
)
from recipes.tiny.sources import (
    Labelled,
    Preferred,
    harm,
    held_out,
    preferences,
    reviews,
    sentiment,
)

LABELS: Final = {
    "harm": ["safe", "unsafe"],
    "preference": ["reward"],
    "sentiment": ["negative", "positive"],
}
MAX_LENGTH: Final = {"harm": 128, "preference": 192, "sentiment": 192}
EPOCHS: Final = {"harm": 2, "preference": 4, "sentiment": 2}


def windows(rows: list[Labelled], rng: np.random.Generator) -> list[Labelled]:
    """Cut each review to a random window of 20 to 150 words: answers are shorter than reviews."""
    cut = []
    for row in rows:
        words = row.first.split()
        size = int(rng.integers(20, 151))
        start = int(rng.integers(max(1, len(words) - size)))
        cut.append(Labelled(" ".join(words[start : start + size]), "", row.label))
    return cut


def train_classifier(name: str, data_dir: Path, out: Path, seed: int) -> None:
    """Train a two-class scorer; a tenth of the rows, by hash, sets its temperature."""
    rng = np.random.default_rng(seed)
    if name == "harm":
        rows = harm(data_dir, held=False)
    else:
        full = sentiment(data_dir, "train")
        rows = windows(full, rng)
    train = [row for row in rows if not held_out(row.first)]
    held = [row for row in rows if held_out(row.first)]
    tokenizer, ids = prune_vocabulary([f"{r.first} {r.second}" for r in train[:30000]], out)
    model = small(ids, LABELS[name])

    def loss_of(batch: list[Labelled]) -> torch.Tensor:
        labels = torch.tensor([row.label for row in batch])
        output = model(**encode(tokenizer, batch, MAX_LENGTH[name])).logits.float()
        return torch.nn.functional.cross_entropy(output, labels)

    fit(
        model,
        train,
        loss_of,
        epochs=EPOCHS[name],
        rate=5e-4,
        seed=seed,
        size=lambda row: len(row.first) + len(row.second),
    )
    found = logits(model, tokenizer, held, MAX_LENGTH[name])
    temperature = fold_temperature(model, found, torch.tensor([row.label for row in held]))
    print(f"temperature {temperature:.2f}")
    save(model, tokenizer, out)


def train_preference(data_dir: Path, out: Path, seed: int) -> None:
    """Train a reward model with the Bradley–Terry loss, then centre and scale its output."""
    pairs = preferences(data_dir)
    train = [pair for pair in pairs if not held_out(pair.prompt)]
    texts = [f"{pair.prompt} {pair.chosen} {pair.rejected}" for pair in train]
    film = reviews(data_dir, "unsupervised")[:2000]
    tokenizer, ids = prune_vocabulary([*texts, *film], out)
    model = small(ids, LABELS["preference"])

    def loss_of(batch: list[Preferred]) -> torch.Tensor:
        sides = [Labelled(p.prompt, p.chosen, 1) for p in batch]
        sides += [Labelled(p.prompt, p.rejected, 0) for p in batch]
        rewards = model(**encode(tokenizer, sides, MAX_LENGTH["preference"])).logits.float()[:, 0]
        chosen, rejected = rewards.chunk(2)
        return -torch.nn.functional.logsigmoid(chosen - rejected).mean()

    fit(
        model,
        train,
        loss_of,
        epochs=EPOCHS["preference"],
        rate=3e-4,
        seed=seed,
        batch=16,
        size=lambda pair: len(pair.prompt) + len(pair.chosen) + len(pair.rejected),
    )
    centre(model, tokenizer, train)
    save(model, tokenizer, out)


def centre(model: Any, tokenizer: Any, pairs: list[Preferred]) -> None:
    """Shift the reward to mean 0 and scale it to sd 1 over the answers it was trained on."""
    rows = [Labelled(p.prompt, text, 0) for p in pairs for text in (p.chosen, p.rejected)]
    rewards = logits(model, tokenizer, rows, MAX_LENGTH["preference"])[:, 0]
    with torch.no_grad():
        model.classifier.bias -= rewards.mean()
        model.classifier.weight /= rewards.std()
        model.classifier.bias /= rewards.std()


def main() -> None:
    """Train one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(LABELS))
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.name == "preference":
        train_preference(args.data_dir, args.out, args.seed)
    else:
        train_classifier(args.name, args.data_dir, args.out, args.seed)


if __name__ == "__main__":
    main()
