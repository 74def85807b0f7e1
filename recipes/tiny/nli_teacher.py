"""What the teacher of the embedded NLI classifier says of labelled and of other pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from .encoder import Plan
from .nli_pairs import Taught
from .sources import NOT_ENTAILED, Labelled
from .teacher import Teaching, taught

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


def taught_pairs(
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
    p = taught(Teaching(teacher, 3, loss_of_labels, PLAN), labelled, others, out)
    for n, row in enumerate(labelled):
        p[n] = _both(row.label, p[n])
    return [
        Taught(pair.first, pair.second, (float(e), float(n), float(c)))
        for pair, (e, n, c) in zip([*labelled, *others], p, strict=True)
    ]


def _both(label: float, p: NDArray[np.float32]) -> NDArray[np.float32]:
    if label == NOT_ENTAILED:
        rest = p * np.array([0, 1, 1], dtype=np.float32)
        return np.asarray(rest / rest.sum())
    return np.asarray(OWN * np.eye(3, dtype=np.float32)[int(label)] + (1 - OWN) * p)
