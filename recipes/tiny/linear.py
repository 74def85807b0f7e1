"""How the embedded linear classifiers over n-grams are fitted, thresholded and saved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

from udasa_data.scorers.ngrams import BUCKETS, Features, Linear, weighted
from udasa_data.storage import write_atomically

from .sources import place

FOLDS: Final = 5
SEEN: Final = 2  # texts in which an n-gram must be to count


class Answer(NamedTuple):
    """An answer's features, its class, what it counts for, and the prompt it belongs to."""

    found: Features
    label: int
    weight: float
    prompt: str


def fitted(answers: Sequence[Answer], strength: float) -> Linear:
    """Fit a multinomial logistic regression over tf-idf.

    Args:
        answers: to learn from.
        strength: the inverse of the penalty on the weights.
    """
    found = [answer.found for answer in answers]
    idf = _idf(found)
    model = LogisticRegression(C=strength, max_iter=2000)
    labels = [a.label for a in answers]
    model.fit(_matrix(found, idf), labels, sample_weight=[a.weight for a in answers])
    weight, bias = np.asarray(model.coef_.T), np.asarray(model.intercept_)
    if weight.shape[1] == 1:  # of two classes scikit-learn keeps one
        weight, bias = np.hstack([0 * weight, weight]), np.append(0 * bias, bias)
    return Linear(idf, weight, bias, 0.5)


class Ranked(NamedTuple):
    """The features of the better of two answers to a prompt, and of the worse."""

    better: Features
    worse: Features
    prompt: str


def ranking(pairs: Sequence[Ranked], strength: float) -> Linear:
    """Fit a reward r = w · tf-idf by the Bradley–Terry loss; a prompt with n pairs counts √n.

    Returns:
        a classifier whose second class, the worse, has P = σ(mean r − r); the mean is that of the
        answers learnt from.
    """
    sides = [side for pair in pairs for side in (pair.better, pair.worse)]
    idf = _idf(sides)
    rows = _matrix(sides, idf)
    difference = rows[::2] - rows[1::2]
    count = Counter(pair.prompt for pair in pairs)
    weight = np.array([count[pair.prompt] ** -0.5 for pair in pairs])
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=2000)
    won = np.repeat([1, 0], len(pairs))
    model.fit(vstack([difference, -difference]), won, sample_weight=np.tile(weight, 2))
    worse = -np.asarray(model.coef_[0])
    bias = np.array([0.0, -float((rows @ worse).mean())])
    return Linear(idf, np.stack([0 * worse, worse], axis=1), bias, 0.5)


def _idf(found: Sequence[Features]) -> NDArray[np.float64]:
    seen = np.bincount(np.concatenate([f.buckets for f in found]), minlength=BUCKETS)
    return np.where(seen >= SEEN, np.log((1 + len(found)) / (1 + seen)) + 1.0, 0.0)


def left_out(
    labelled: Sequence[Answer], others: Sequence[Answer], strength: float, salt: str
) -> NDArray[np.float64]:
    """Return [N] the last class's probability of each answer, its prompt never learnt from."""
    fold = np.array([int(place(answer.prompt, salt) * FOLDS) for answer in labelled])
    p = np.zeros(len(labelled))
    for held in range(FOLDS):
        learnt = [a for a, n in zip(labelled, fold, strict=True) if n != held]
        at = np.flatnonzero(fold == held)
        model = fitted([*learnt, *others], strength)
        p[at] = model.probabilities([labelled[n].found for n in at])[:, -1]
    return p


def save(out: Path, model: Linear, classes: Sequence[str], facts: dict[str, Any]) -> None:
    """Write a classifier's weights, two bytes each, and what it was trained on."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {"idf": model.idf, "weight": model.weight, "bias": model.bias}
    halved = {name: tensor.astype(np.float16) for name, tensor in tensors.items()}
    metadata = {"threshold": f"{model.threshold:.2f}", "classes": ",".join(classes)}
    write_atomically(out / "model.safetensors", lambda path: save_file(halved, str(path), metadata))
    text = json.dumps({**facts, "threshold": model.threshold}, indent=1) + "\n"
    (out / "training.json").write_text(text, encoding="utf-8")


def _matrix(found: Sequence[Features], idf: NDArray[np.float64]) -> Any:
    """Return the weighted n-grams of N texts as a sparse [N, BUCKETS]."""
    values = np.concatenate([weighted(f, idf) for f in found])
    columns = np.concatenate([f.buckets for f in found])
    starts = np.cumsum([0, *(len(f.buckets) for f in found)])
    return csr_matrix((values, columns, starts), shape=(len(found), BUCKETS))
