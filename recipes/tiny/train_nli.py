"""Train the embedded NLI classifier: MiniLM with a pruned vocabulary, taught by a larger encoder.

python -m udasa_recipes.tiny.train_nli --data-dir DATA --out udasa_data/tiny/nli
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import torch

from .checkpoint import device
from .encoder import Plan, encode, fit, logits, save
from .head import fold_temperature, refit_head
from .minilm import from_minilm, prune_vocabulary
from .nli_pairs import (
    Taught,
    Thesaurus,
    as_answers,
    drawn,
    neighbouring,
    related,
    reworded,
)
from .nli_teacher import taught_pairs
from .sources import Labelled, chats, entailment, more_entailment, reviews
from .teacher import TEACHER, forget

LABELS: Final = ["entailment", "neutral", "contradiction"]
LAYERS: Final = (0, 1, 2, 3, 4, 5)
MAX_LENGTH: Final = 160
PLANS: Final = {  # pairs seen and what a step takes of them
    "cpu": (320_000, Plan(epochs=1, rate=2e-4, seed=0, batch=64)),
    "cuda": (1_600_000, Plan(epochs=1, rate=4e-4, seed=0, batch=256)),
}


def identical(rows: list[Labelled], rng: np.random.Generator) -> list[Labelled]:
    """Return 600 sentences with themselves: what entails itself does so beyond doubt."""
    drawn = [rows[n] for n in rng.permutation(len(rows))[:300]]
    return [Labelled(text, text, 0) for row in drawn for text in (row.first, row.second)]


def main() -> None:
    """Train, calibrate, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--teacher", default=TEACHER, help="folder or Hub id of an encoder")
    size, plan = PLANS[device().type]
    parser.add_argument("--pairs", type=int, default=size, help="read in training")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    rows = [*entailment(args.data_dir, held=False), *more_entailment(args.data_dir)]
    talk = chats(args.data_dir)
    film = reviews(args.data_dir, "unsupervised")[:4000]
    texts = [f"{row.first} {row.second}" for row in rows]
    tokenizer, ids = prune_vocabulary([*texts, *(f"{c.question} {c.answer}" for c in talk), *film])
    model = from_minilm(ids, LAYERS, LABELS)
    thesaurus = Thesaurus(tokenizer, model.get_input_embeddings().weight.detach().cpu())
    others = related(rows) + reworded(rows, thesaurus, rng)
    others += neighbouring([*(c.answer for c in talk), *film], 20000, rng)
    pairs = taught_pairs(args.teacher, rows, others, args.out)
    spare = [c.answer.split(". ")[0] + "." for c in talk if 20 < len(c.answer.split(". ")[0]) < 120]
    seen = as_answers(drawn(pairs, len(rows), args.pairs, rng), spare, rng)

    def loss_of(batch: list[Taught]) -> torch.Tensor:
        p = torch.tensor([row.p for row in batch], device=model.device)
        inputs = encode(tokenizer, batch, MAX_LENGTH).to(model.device)
        return torch.nn.functional.cross_entropy(model(**inputs).logits.float(), p)

    plan = plan._replace(seed=args.seed)
    training = fit(model, seen, loss_of, plan, args.out, lambda r: len(r.first) + len(r.second))
    # every other held-out pair calibrates, the rest are measured
    held = entailment(args.data_dir, held=True)
    half = held[::2]
    found = logits(model, tokenizer, half, MAX_LENGTH)
    temperature = fold_temperature(model, found, torch.tensor([row.label for row in half]))
    refit_head(model, tokenizer, half, identical(rows, rng), MAX_LENGTH)
    save(model, tokenizer, args.out, training, temperature=temperature, teacher=args.teacher)
    forget(args.out)


if __name__ == "__main__":
    main()
