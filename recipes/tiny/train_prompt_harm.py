"""Train the embedded classifier of prompts: a small MiniLM, taught by a larger encoder.

python -m udasa_recipes.tiny.train_prompt_harm --data-dir DATA --out udasa_data/tiny/prompt_harm
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import torch

from .encoder import Plan, encode, fit, logits, save
from .head import fold_temperature
from .minilm import from_minilm, prune_vocabulary
from .prompt_rows import asked, unlabelled
from .sources import Labelled, place
from .teacher import TEACHER, Teaching, forget, taught

LABELS: Final = ["harmless", "harmful"]
LAYERS: Final = 3
VOCABULARY: Final = 5000  # word pieces
MAX_LENGTH: Final = 128
OWN: Final = 0.5  # what a prompt's own label counts for beside the teacher's
PLAN: Final = Plan(epochs=3, rate=1.5e-4, seed=0, head_rate=10.0)
TEACHERS: Final = Plan(epochs=2, rate=3e-5, seed=0, head_rate=10.0)


def main() -> None:
    """Train, set the temperature on a tenth of the labelled prompts, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--teacher", default=TEACHER, help="folder or Hub id of an encoder")
    args = parser.parse_args()
    rows = asked(args.data_dir)
    kept = [place(row.first, "temperature") < 0.1 for row in rows]
    train = [row for row, is_kept in zip(rows, kept, strict=True) if not is_kept]
    held = [row for row, is_kept in zip(rows, kept, strict=True) if is_kept]
    learnt = softened(args.teacher, train, unlabelled(args.data_dir), held, args.out)
    tokenizer, ids = prune_vocabulary((row.first for row in learnt), VOCABULARY)
    torch.manual_seed(PLAN.seed)
    model = from_minilm(ids, range(LAYERS), LABELS)

    def loss_of(batch: list[Labelled]) -> torch.Tensor:
        harmful = torch.tensor([float(row.label) for row in batch], device=model.device)
        inputs = encode(tokenizer, batch, MAX_LENGTH).to(model.device)
        target = torch.stack([1 - harmful, harmful], dim=1)
        return torch.nn.functional.cross_entropy(model(**inputs).logits.float(), target)

    training = fit(model, learnt, loss_of, PLAN, args.out, lambda row: len(row.first))
    found = logits(model, tokenizer, held, MAX_LENGTH)
    temperature = fold_temperature(model, found, torch.tensor([int(row.label) for row in held]))
    save(model, tokenizer, args.out, training, temperature=temperature, teacher=args.teacher)
    forget(args.out)


def softened(
    teacher: str, train: list[Labelled], others: list[Labelled], held: list[Labelled], out: Path
) -> list[Labelled]:
    """Return all prompts with P(asks for harm): the teacher's, or its mean with their own label."""
    teaching = Teaching(teacher, 2, torch.nn.functional.cross_entropy, TEACHERS, MAX_LENGTH)
    p = taught(teaching, train, others, out, held)[:, 1].tolist()
    labelled = zip(train, p[: len(train)], strict=True)
    rest = zip(others, p[len(train) :], strict=True)
    return [
        *(row._replace(label=OWN * row.label + (1 - OWN) * said) for row, said in labelled),
        *(row._replace(label=said) for row, said in rest),
    ]


if __name__ == "__main__":
    main()
