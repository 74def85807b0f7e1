"""The teacher of the embedded NLI classifier: a larger encoder, trained on the labelled pairs.

Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531): of 50,000 labels a small encoder
learns less than of what a larger one, trained on them, says of many more pairs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.storage import write_atomically

from .checkpoint import device, half_precision
from .encoder import Plan, encode, fit, logits
from .nli_pairs import Taught
from .sources import NOT_ENTAILED, Labelled

MAX_LENGTH: Final = 128
PLAN: Final = Plan(epochs=3, rate=4e-5, seed=0, batch=64, head_rate=5.0)
OWN: Final = 0.5  # what a pair's own label counts for beside the teacher's


def loss_of_labels(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of [N, 3] logits.

    A label ``NOT_ENTAILED`` stands for neutral or contradiction, whichever: for their sum.
    """
    logp = torch.log_softmax(logits, dim=-1)
    either = logp[:, 1:].logsumexp(dim=-1)
    known = logp.gather(1, labels.clamp(max=2)[:, None])[:, 0]
    return -torch.where(labels == NOT_ENTAILED, either, known).mean()


def taught(
    teacher: str, labelled: list[Labelled], others: list[Labelled], out: Path
) -> list[Taught]:
    """Return all pairs with the teacher's probabilities, which are kept beside ``out``.

    A pair that has a label gets the mean of both; where the label says only that nothing is
    entailed, the teacher's probabilities without entailment.

    Args:
        teacher: folder or Hub id of an encoder.
        labelled: pairs that the teacher learns from.
        others: pairs whose label is unknown, whatever they carry.
        out: the folder that the finished classifier will have.
    """
    pairs = [*labelled, *others]
    texts = "\n".join(f"{pair.first}\t{pair.second}\t{pair.label}" for pair in pairs)
    digest = hashlib.sha256(texts.encode()).hexdigest()
    settings = json.dumps([teacher, PLAN._asdict(), len(labelled), digest])
    kept = out.with_name(f".{out.name}.taught.safetensors")
    p = _read(kept, settings)
    if p is None:
        model, tokenizer, checkpoint = _trained(teacher, labelled, out)
        p = _probabilities(model, tokenizer, pairs)
        metadata = {"settings": settings}
        write_atomically(kept, lambda path: save_file({"p": p}, str(path), metadata))
        checkpoint.unlink(missing_ok=True)
    for n, row in enumerate(labelled):
        p[n] = _both(row.label, p[n])
    return [
        Taught(pair.first, pair.second, (float(e), float(n), float(c)))
        for pair, (e, n, c) in zip(pairs, p, strict=True)
    ]


def forget(out: Path) -> None:
    """Remove what was kept beside a classifier that is finished."""
    out.with_name(f".{out.name}.taught.safetensors").unlink(missing_ok=True)


def _read(path: Path, settings: str) -> NDArray[np.float32] | None:
    if not path.is_file():
        return None
    with safe_open(str(path), "np") as file:
        if file.metadata()["settings"] != settings:
            return None
        return np.asarray(file.get_tensor("p"))


def _both(label: float, p: NDArray[np.float32]) -> NDArray[np.float32]:
    if label == NOT_ENTAILED:
        rest = p * np.array([0, 1, 1], dtype=np.float32)
        return np.asarray(rest / rest.sum())
    return np.asarray(OWN * np.eye(3, dtype=np.float32)[int(label)] + (1 - OWN) * p)


def _trained(teacher: str, rows: list[Labelled], out: Path) -> tuple[Any, Any, Path]:
    """Return the trained teacher, its tokenizer and its checkpoint."""
    tokenizer = AutoTokenizer.from_pretrained(teacher)
    model = AutoModelForSequenceClassification.from_pretrained(
        teacher, num_labels=3, dtype=torch.float32, use_safetensors=True
    ).to(device())

    def loss_of(batch: list[Labelled]) -> torch.Tensor:
        labels = torch.tensor([int(row.label) for row in batch], device=model.device)
        inputs = encode(tokenizer, batch, MAX_LENGTH).to(model.device)
        return loss_of_labels(model(**inputs).logits.float(), labels)

    place = out.with_name(f"{out.name}-teacher")
    training = fit(model, rows, loss_of, PLAN, place, lambda r: len(r.first) + len(r.second))
    return model, tokenizer, training.checkpoint.file


def _probabilities(model: Any, tokenizer: Any, pairs: list[Labelled]) -> NDArray[np.float32]:
    with half_precision(model.device):
        found = logits(model, tokenizer, pairs, MAX_LENGTH, batch=256)
    return np.asarray(found.softmax(-1).numpy(), dtype=np.float32)
