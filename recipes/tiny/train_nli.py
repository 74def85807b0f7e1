"""Train the embedded NLI classifier: MiniLM with a pruned vocabulary.

python -m recipes.tiny.train_nli --data-dir DATA --out udasa_data/tiny/nli
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import torch

from recipes.tiny.encoder import Plan, encode, fit, logits, save
from recipes.tiny.head import fold_temperature, refit_head
from recipes.tiny.minilm import from_minilm, prune_vocabulary
from recipes.tiny.sources import NOT_ENTAILED, Labelled, chats, entailment, more_entailment, reviews

LABELS: Final = ["entailment", "neutral", "contradiction"]
LAYERS: Final = (0, 1, 2, 3, 4, 5)
MAX_LENGTH: Final = 160
RATE: Final = 1.5e-4


def loss_of_labels(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of [N, 3] logits.

    A label ``NOT_ENTAILED`` stands for neutral or contradiction, whichever: for their sum.
    """
    logp = torch.log_softmax(logits, dim=-1)
    either = logp[:, 1:].logsumexp(dim=-1)
    known = logp.gather(1, labels.clamp(max=2)[:, None])[:, 0]
    return -torch.where(labels == NOT_ENTAILED, either, known).mean()


def augment(rows: list[Labelled], spare: list[str], rng: np.random.Generator) -> list[Labelled]:
    """Make some premises look like whole answers, as they are in use.

    25% of the premises get one to three unrelated sentences around them, label kept; 5% of the
    rows become a sentence among others that entails itself, 5% one that stands alone, 3% an
    unrelated, neutral pair.
    """
    made = []
    for row in rows:
        around = [spare[n] for n in rng.integers(len(spare), size=int(rng.integers(1, 4)))]
        place = int(rng.integers(len(around) + 1))
        draw = rng.random()
        if draw < 0.30:
            said = row.first if draw < 0.25 else row.second
            premise = " ".join([*around[:place], said, *around[place:]])
            made.append(Labelled(premise, row.second, row.label if draw < 0.25 else 0))
        elif draw < 0.35:
            made.append(Labelled(row.second, row.second, 0))
        elif draw < 0.38:
            made.append(Labelled(" ".join(around), row.second, 1))
        else:
            made.append(row)
    return made


def identical(rows: list[Labelled], rng: np.random.Generator) -> list[Labelled]:
    """Return 600 sentences with themselves: what entails itself does so beyond doubt."""
    drawn = [rows[n] for n in rng.permutation(len(rows))[:300]]
    return [Labelled(text, text, 0) for row in drawn for text in (row.first, row.second)]


def main() -> None:
    """Train, calibrate, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = [*entailment(args.data_dir, held=False), *more_entailment(args.data_dir)]
    talk = chats(args.data_dir)
    spare = [c.answer.split(". ")[0] + "." for c in talk if 20 < len(c.answer.split(". ")[0]) < 120]
    film = reviews(args.data_dir, "unsupervised")[:4000]
    texts = [f"{row.first} {row.second}" for row in rows]
    talks = (f"{c.question} {c.answer}" for c in talk)
    tokenizer, ids = prune_vocabulary([*texts, *talks, *film])
    model = from_minilm(ids, LAYERS, LABELS)
    rng = np.random.default_rng(args.seed)
    seen = [row for _ in range(args.epochs) for row in augment(rows, spare, rng)]

    def loss_of(batch: list[Labelled]) -> torch.Tensor:
        labels = torch.tensor([row.label for row in batch], device=model.device)
        inputs = encode(tokenizer, batch, MAX_LENGTH).to(model.device)
        return loss_of_labels(model(**inputs).logits.float(), labels)

    training = fit(
        model,
        seen,  # every epoch augmented anew
        loss_of,
        Plan(epochs=1, rate=RATE, seed=args.seed, batch=64),
        args.out,
        size=lambda row: len(row.first) + len(row.second),
    )
    # every other held-out pair calibrates, the rest are measured
    held = entailment(args.data_dir, held=True)
    half = held[::2]
    found = logits(model, tokenizer, half, MAX_LENGTH)
    temperature = fold_temperature(model, found, torch.tensor([row.label for row in half]))
    refit_head(model, tokenizer, half, identical(rows, rng), MAX_LENGTH)
    save(model, tokenizer, args.out, training, temperature=temperature)


if __name__ == "__main__":
    main()
