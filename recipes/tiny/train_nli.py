"""Train the embedded NLI classifier: MiniLM with a pruned vocabulary and three of its layers.

python -m recipes.tiny.train_nli --data-dir DATA --out udasa_data/tiny/nli
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import torch

from recipes.tiny.encoder import (
    encode,
    fit,
    fold_temperature,
    from_minilm,
    logits,
    prune_vocabulary,
    save,
)
from recipes.tiny.sources import Labelled, chats, entailment, reviews

LABELS: Final = ["entailment", "neutral", "contradiction"]
LAYERS: Final = (0, 2, 4)
MAX_LENGTH: Final = 160


def augment(rows: list[Labelled], spare: list[str], rng: np.random.Generator) -> list[Labelled]:
    """Make premises look like whole answers, as they are in use.

    40% of the premises get one to three unrelated sentences around them, label kept; 5% of the
    rows become a sentence that entails itself, 5% an unrelated, neutral pair.
    """
    made = []
    for row in rows:
        around = [spare[n] for n in rng.integers(len(spare), size=int(rng.integers(1, 4)))]
        draw = rng.random()
        if draw < 0.4:
            place = int(rng.integers(len(around) + 1))
            premise = " ".join([*around[:place], row.first, *around[place:]])
            made.append(Labelled(premise, row.second, row.label))
        elif draw < 0.45:
            place = int(rng.integers(len(around) + 1))
            text = " ".join([*around[:place], row.second, *around[place:]])
            made.append(Labelled(text, row.second, 0))
        elif draw < 0.5:
            made.append(Labelled(" ".join(around), row.second, 1))
        else:
            made.append(row)
    return made


def main() -> None:
    """Train, calibrate, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = entailment(args.data_dir, held=False)
    talk = chats(args.data_dir)
    spare = [c.answer.split(". ")[0] + "." for c in talk if 20 < len(c.answer.split(". ")[0]) < 120]
    film = reviews(args.data_dir, "unsupervised")[:4000]
    texts = [f"{row.first} {row.second}" for row in rows]
    tokenizer, ids = prune_vocabulary(
        [*texts, *(f"{c.question} {c.answer}" for c in talk), *film], args.out
    )
    model = from_minilm(ids, LAYERS, LABELS)
    rng = np.random.default_rng(args.seed)
    epochs = [row for _ in range(args.epochs) for row in augment(rows, spare, rng)]

    def loss_of(batch: list[Labelled]) -> torch.Tensor:
        labels = torch.tensor([row.label for row in batch])
        output = model(**encode(tokenizer, batch, MAX_LENGTH)).logits.float()
        return torch.nn.functional.cross_entropy(output, labels)

    fit(
        model,
        epochs,
        loss_of,
        epochs=1,
        rate=1.5e-4,
        seed=args.seed,
        size=lambda row: len(row.first) + len(row.second),
    )
    # the first half of the held-out pairs sets the temperature, the second half is measured
    held = entailment(args.data_dir, held=True)
    half = held[: len(held) // 2]
    found = logits(model, tokenizer, half, MAX_LENGTH)
    temperature = fold_temperature(model, found, torch.tensor([row.label for row in half]))
    print(f"temperature {temperature:.2f}")
    save(model, tokenizer, args.out)


if __name__ == "__main__":
    main()
