"""Train the embedded classifiers: harm, preference, sentiment.

python -m udasa_recipes.tiny.train_classifiers harm --data-dir DATA --out udasa_data/tiny/harm
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch

from .encoder import Plan, encode, fit, logits, save
from .head import fold_temperature, last_layer
from .labelled import harm, liked, phrases, taught_sentiment, windows
from .minilm import prune_vocabulary, small
from .sources import (
    Labelled,
    Preferred,
    place,
    reviews,
)

LABELS: Final = {
    "harm": ["safe", "unsafe"],
    "preference": ["reward"],
    "sentiment": ["negative", "positive"],
}
MAX_LENGTH: Final = {"harm": 160, "preference": 192, "sentiment": 256}
PLANS: Final = {
    "harm": Plan(epochs=2, rate=5e-4, seed=0),
    "preference": Plan(epochs=1, rate=5e-4, seed=0, batch=16),
    "sentiment": Plan(epochs=3, rate=5e-4, seed=0),
}


class Start(NamedTuple):
    """An untrained model with its tokenizer and the most tokens it reads."""

    model: Any
    tokenizer: Any
    max_length: int


def train_two_classes(
    start: Start,
    rows: list[Labelled],
    plan: Plan,
    out: Path,
    teach: Callable[[list[Labelled]], list[Labelled]] = list,
) -> None:
    """Train on rows whose label is P(class 1), calibrate, save.

    ``teach`` may soften the labels of what is trained on. A tenth of the rows, by hash of the
    first text, or of the second where there is none, is kept to set the temperature.
    """
    model, tokenizer, max_length = start
    kept = [place(row.first or row.second, "temperature") < 0.1 for row in rows]
    train = teach([row for row, k in zip(rows, kept, strict=True) if not k])
    held = [row for row, k in zip(rows, kept, strict=True) if k and row.label in {0, 1}]

    def loss_of(batch: list[Labelled]) -> torch.Tensor:
        positive = torch.tensor([float(row.label) for row in batch], device=model.device)
        inputs = encode(tokenizer, batch, max_length).to(model.device)
        target = torch.stack([1 - positive, positive], dim=1)
        return torch.nn.functional.cross_entropy(model(**inputs).logits.float(), target)

    training = fit(model, train, loss_of, plan, out, _size)
    found = logits(model, tokenizer, held, max_length)
    labels = torch.tensor([int(row.label) for row in held])
    save(model, tokenizer, out, training, temperature=fold_temperature(model, found, labels))


def train_reward(start: Start, pairs: list[Preferred], plan: Plan, out: Path) -> None:
    """Train with the Bradley–Terry loss, centre and scale the reward, save."""
    model, tokenizer, max_length = start

    def loss_of(batch: list[Preferred]) -> torch.Tensor:
        sides = [Labelled(p.prompt, p.chosen, 1) for p in batch]
        sides += [Labelled(p.prompt, p.rejected, 0) for p in batch]
        inputs = encode(tokenizer, sides, max_length).to(model.device)
        chosen, rejected = model(**inputs).logits.float()[:, 0].chunk(2)
        return -torch.nn.functional.logsigmoid(chosen - rejected).mean()

    training = fit(model, pairs, loss_of, plan, out, lambda p: sum(map(len, p)))
    rows = [Labelled(p.prompt, text, 0) for p in pairs for text in (p.chosen, p.rejected)]
    rewards = logits(model, tokenizer, rows, max_length)[:, 0]
    with torch.no_grad():  # mean 0 and sd 1 over the answers it was trained on
        last_layer(model).bias.sub_(rewards.mean()).div_(rewards.std())
        last_layer(model).weight.div_(rewards.std())
    save(model, tokenizer, out, training)


def _size(row: Labelled) -> int:
    return len(row.first) + len(row.second)


def _start(name: str, texts: list[str]) -> Start:
    tokenizer, ids = prune_vocabulary(texts)
    return Start(small(ids, LABELS[name]), tokenizer, MAX_LENGTH[name])


def train_harm(data_dir: Path, out: Path, plan: Plan) -> None:
    """Train P(unsafe) of an answer."""
    rows = harm(data_dir, judge=False)
    texts = [f"{row.first} {row.second}" for row in rows]
    train_two_classes(_start("harm", texts), rows, plan, out)


def train_sentiment(data_dir: Path, out: Path, plan: Plan) -> None:
    """Train P(positive) of a review or a sentence of one."""
    rng = np.random.default_rng(plan.seed)
    rows = windows(taught_sentiment(data_dir, judge=False, seed=plan.seed), rng)
    rows += phrases(data_dir, dev=False)
    texts = [row.first for row in rows[:20000]]
    train_two_classes(_start("sentiment", texts), rows, plan, out)


def train_preference(data_dir: Path, out: Path, plan: Plan) -> None:
    """Train the reward of an answer: people's preferences, and whole answers above broken ones."""
    pairs = liked(data_dir, np.random.default_rng(plan.seed))
    texts = [f"{p.prompt} {p.chosen} {p.rejected}" for p in pairs]
    texts += reviews(data_dir, "unsupervised")[:2000]
    train_reward(_start("preference", texts), pairs, plan, out)


TRAIN: Final[dict[str, Callable[[Path, Path, Plan], None]]] = {
    "harm": train_harm,
    "preference": train_preference,
    "sentiment": train_sentiment,
}


def main() -> None:
    """Train one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(TRAIN))
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    plan = PLANS[args.name]._replace(seed=args.seed)
    torch.manual_seed(plan.seed)
    TRAIN[args.name](args.data_dir, args.out, plan)


if __name__ == "__main__":
    main()
