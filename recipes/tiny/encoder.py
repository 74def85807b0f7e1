"""What the embedded classifiers share: batches, one training loop, and how they are saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from .checkpoint import EVERY, Checkpoint, half_precision


class TwoTexts(Protocol):
    """Whatever has two texts, of which the second may be empty."""

    @property
    def first(self) -> str: ...  # noqa: D102
    @property
    def second(self) -> str: ...  # noqa: D102


def encode(tokenizer: Any, rows: Sequence[TwoTexts], max_length: int) -> Any:
    """Return one padded batch of texts or text pairs."""
    first = [row.first for row in rows]
    second = [row.second for row in rows] if any(row.second for row in rows) else None
    return tokenizer(
        first,
        second,
        padding=True,
        truncation="longest_first",
        max_length=max_length,
        return_tensors="pt",
    )


class Plan(NamedTuple):
    """How a classifier is trained; all of it is in the checkpoint's settings."""

    epochs: int
    rate: float
    seed: int
    batch: int = 32
    head_rate: float = 1.0  # learning rate of the last layer, times that of the rest


def fit(
    model: Any,
    rows: Sequence[Any],
    loss_of: Callable[[list[Any]], torch.Tensor],
    plan: Plan,
    out: Path,
    size: Callable[[Any], int],
) -> Training:
    """Train in place with AdamW, warm-up and linear decay, on batches of like size.

    Resumes from the checkpoint beside ``out`` when there is one of the same plan.
    """
    batches = _batches(rows, plan, size)
    torch.manual_seed(plan.seed)
    named = list(model.named_parameters())
    new = [weight for name, weight in named if name.startswith("classifier")]
    old = [weight for name, weight in named if not name.startswith("classifier")]
    # a new last layer needs larger steps than weights that come trained
    groups: list[dict[str, Any]] = [
        {"params": old},
        {"params": new, "lr": plan.rate * plan.head_rate},
    ]
    optimizer = torch.optim.AdamW(groups, lr=plan.rate, weight_decay=0.01)
    steps = len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, (s + 1) / (0.06 * steps)) * max(0.0, 1 - s / steps)
    )
    settings = {**plan._asdict(), "rows": len(rows), "steps": steps}
    checkpoint = Checkpoint(out, settings, [model, optimizer, schedule])
    done, curve = checkpoint.resume()
    model.train()
    recent = curve[-1][1] if curve else None
    for step in range(done, steps):
        with half_precision(model.device):
            loss = loss_of([rows[n] for n in batches[step]])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        recent = loss.item() if recent is None else 0.98 * recent + 0.02 * loss.item()
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            curve.append((step + 1, recent))
            checkpoint.save(step + 1, curve, last=step + 1 == steps)
            print(f"step {step + 1}/{steps} loss {recent:.3f}", flush=True)
    model.eval()
    return Training(checkpoint, {**settings, "device": str(model.device), "loss": curve})


def _batches(
    rows: Sequence[Any], plan: Plan, size: Callable[[Any], int]
) -> list[NDArray[np.int64]]:
    """Return the row numbers of each step: every epoch its own batches of like size, shuffled."""
    rng = np.random.default_rng(plan.seed)
    sizes = np.array([size(row) for row in rows])
    found = []
    for _ in range(plan.epochs):
        order = np.argsort(sizes * rng.uniform(0.8, 1.25, len(rows)))
        cut = [order[at : at + plan.batch] for at in range(0, len(order), plan.batch)]
        found += [cut[n] for n in rng.permutation(len(cut))]
    return found


class Training(NamedTuple):
    """A training that has ended but is not saved yet, and what its card reports of it."""

    checkpoint: Checkpoint
    facts: dict[str, Any]


@torch.inference_mode()
def logits(
    model: Any, tokenizer: Any, rows: Sequence[TwoTexts], max_length: int, batch: int = 64
) -> torch.Tensor:
    """Return [N, classes] logits in the order of ``rows``."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda n: len(rows[n].first) + len(rows[n].second))
    result = torch.empty(len(rows), model.config.num_labels)
    for start in range(0, len(order), batch):
        at = order[start : start + batch]
        inputs = encode(tokenizer, [rows[n] for n in at], max_length).to(model.device)
        result[at] = model(**inputs).logits.float().cpu()
    return result


def save(model: Any, tokenizer: Any, out: Path, training: Training, **facts: Any) -> None:
    """Save in bfloat16 as safetensors, with the facts of the training; drop the checkpoint."""
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    training.checkpoint.finish(out, {**training.facts, **facts})
