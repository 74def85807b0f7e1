"""A teacher of an embedded classifier: a larger encoder, trained on the labelled rows.

Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531): of a few thousand labels a small
encoder learns less than of what a larger one, trained on them, says of many more rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.storage import write_atomically

from .checkpoint import device, half_precision
from .encoder import Plan, encode, fit, logits
from .head import fold_temperature
from .sources import Labelled

TEACHER: Final = "sentence-transformers/all-mpnet-base-v2"  # Apache-2.0


class Teaching(NamedTuple):
    """How a teacher is trained.

    Attributes:
        teacher: folder or Hub id of an encoder.
        classes: how many.
        loss: of [N, classes] logits and [N] labels.
        plan: of the training.
        max_length: tokens it reads.
    """

    teacher: str
    classes: int
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    plan: Plan
    max_length: int = 128


def taught(
    teaching: Teaching,
    labelled: Sequence[Labelled],
    others: Sequence[Labelled],
    out: Path,
    held: Sequence[Labelled] = (),
) -> NDArray[np.float32]:
    """Return a teacher's probabilities of all rows, which are kept beside ``out``.

    Args:
        teaching: how.
        labelled: rows that the teacher learns from.
        others: rows whose label is unknown, whatever they carry.
        out: the folder that the finished classifier will have.
        held: rows that set the teacher's temperature; without any it stays 1.

    Returns:
        [labelled + others, classes].
    """
    rows = [*labelled, *others]
    texts = "\n".join(f"{row.first}\t{row.second}\t{row.label}" for row in rows)
    digest = hashlib.sha256(texts.encode()).hexdigest()
    settings = json.dumps([teaching.teacher, teaching.plan._asdict(), len(labelled), digest])
    kept = _kept(out)
    p = _read(kept, settings)
    if p is None:
        model, tokenizer, checkpoint = _trained(teaching, labelled, out)
        if held:
            found = _logits(model, tokenizer, held, teaching)
            fold_temperature(model, found, torch.tensor([int(row.label) for row in held]))
        said = _logits(model, tokenizer, rows, teaching).softmax(-1)
        p = np.asarray(said.numpy(), dtype=np.float32)
        write_atomically(kept, lambda path: save_file({"p": p}, str(path), {"settings": settings}))
        checkpoint.unlink(missing_ok=True)
    return p


def forget(out: Path) -> None:
    """Remove what was kept beside a classifier that is finished."""
    _kept(out).unlink(missing_ok=True)


def _kept(out: Path) -> Path:
    return out.with_name(f".{out.name}.taught.safetensors")


def _read(path: Path, settings: str) -> NDArray[np.float32] | None:
    if not path.is_file():
        return None
    with safe_open(str(path), "np") as file:
        if file.metadata()["settings"] != settings:
            return None
        return np.asarray(file.get_tensor("p"))


def _trained(teaching: Teaching, rows: Sequence[Labelled], out: Path) -> tuple[Any, Any, Path]:
    """Return the trained teacher, its tokenizer and its checkpoint."""
    tokenizer = AutoTokenizer.from_pretrained(teaching.teacher)
    model = AutoModelForSequenceClassification.from_pretrained(
        teaching.teacher, num_labels=teaching.classes, dtype=torch.float32, use_safetensors=True
    ).to(device())

    def loss_of(batch: list[Labelled]) -> torch.Tensor:
        labels = torch.tensor([int(row.label) for row in batch], device=model.device)
        inputs = encode(tokenizer, batch, teaching.max_length).to(model.device)
        return teaching.loss(model(**inputs).logits.float(), labels)

    place = out.with_name(f"{out.name}-teacher")
    training = fit(model, rows, loss_of, teaching.plan, place, _size)
    return model, tokenizer, training.checkpoint.file


def _size(row: Labelled) -> int:
    return len(row.first) + len(row.second)


def _logits(
    model: Any, tokenizer: Any, rows: Sequence[Labelled], teaching: Teaching
) -> torch.Tensor:
    with half_precision(model.device):
        return logits(model, tokenizer, rows, teaching.max_length, batch=256)
