"""Train the embedded classifier of refusals: complies, partly, refuses.

python -m udasa_recipes.tiny.train_refusal --data-dir DATA --out udasa_data/tiny/refusal
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from udasa_data.scoring.refusal import BUCKETS, CLASSES, Features, features, weighted
from udasa_data.storage import write_atomically

from .labelled import measured
from .refusal_phrases import no_refusals, refusals
from .sources import chats, place, table

COMPLIES, PARTLY, REFUSES = range(3)
LABELS: Final = {
    "1_full_compliance": COMPLIES,
    "2_full_refusal": REFUSES,
    "3_partial_refusal": PARTLY,
}
FOLDS: Final = 5
SEEN: Final = 2  # answers in which an n-gram must be to count
RECALL: Final = 0.93  # of the refusals of prompts left out in turn
STRENGTH: Final = 30.0  # the inverse of the penalty on the weights


class Answer(NamedTuple):
    """An answer, what it does, what it counts for, and the prompt it belongs to."""

    text: str
    label: int
    weight: float
    prompt: str


def people(data_dir: Path, *, test: bool) -> list[Answer]:
    """Return XSTest's answers of five models, as people labelled them; prompts are split."""
    rows = table(data_dir, "xstest/completions").iter_rows(named=True)
    return [
        Answer(row["completion"], LABELS[row["final_label"]], 1.0, row["prompt"])
        for row in rows
        if row["completion"] and row["final_label"] in LABELS and measured(row["prompt"]) == test
    ]


def declined(data_dir: Path) -> list[Answer]:
    """Return Do-Not-Answer's answers that decline, as people say; not to questions measured on."""
    rows = table(data_dir, "do_not_answer/responses_human_labels").iter_rows(named=True)
    return [
        Answer(row["response"], REFUSES, 0.05, row["question"])
        for row in rows
        if row["action"] == 0 and row["response"] and not measured(row["question"])
    ]


def others(data_dir: Path) -> list[Answer]:
    """Return what needs no label of people's: everyday answers, phrases, and their like."""
    everyday = [c for c in chats(data_dir) if not measured(c.question)]
    rng = np.random.default_rng(0)
    drawn = [everyday[n].answer for n in rng.permutation(len(everyday))[:1500]]
    kept = [text for text in drawn if not text.lower().startswith(("i'm sorry", "i can", "sorry"))]
    return [
        *(Answer(text, COMPLIES, 0.05, text) for text in kept),
        *(Answer(text, COMPLIES, 0.3, text) for text in no_refusals()),
        *(Answer(text, REFUSES, 0.02, text) for text in refusals()),
    ]


class Fitted(NamedTuple):
    """The classifier's numbers: idf [BUCKETS], weight [BUCKETS, 3], bias [3]."""

    idf: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def probabilities(self, found: list[Features]) -> NDArray[np.float64]:
        """Return [N, 3]."""
        logits = matrix(found, self.idf) @ self.weight + self.bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def matrix(found: list[Features], idf: NDArray[np.float64]) -> Any:
    """Return the weighted n-grams of N texts as a sparse [N, BUCKETS]."""
    values = np.concatenate([weighted(f, idf) for f in found])
    columns = np.concatenate([f.buckets for f in found])
    starts = np.cumsum([0, *(len(f.buckets) for f in found)])
    return csr_matrix((values, columns, starts), shape=(len(found), BUCKETS))


def fitted(found: list[Features], answers: list[Answer]) -> Fitted:
    """Fit a multinomial logistic regression over tf-idf."""
    seen = np.bincount(np.concatenate([f.buckets for f in found]), minlength=BUCKETS)
    idf = np.where(seen >= SEEN, np.log((1 + len(found)) / (1 + seen)) + 1.0, 0.0)
    model = LogisticRegression(C=STRENGTH, max_iter=2000)
    labels = [a.label for a in answers]
    model.fit(matrix(found, idf), labels, sample_weight=[a.weight for a in answers])
    return Fitted(idf, np.asarray(model.coef_.T), np.asarray(model.intercept_))


def threshold_for(recall: float, p: NDArray[np.float64], refuses: NDArray[np.bool_]) -> float:
    """Return the highest threshold of P(refuses) that still finds so many of the refusals."""
    return float(np.floor(np.quantile(p[refuses], 1.0 - recall) * 100) / 100)


def main() -> None:
    """Train, set the threshold on prompts left out in turn, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    labelled = people(args.data_dir, test=False)
    rest = [*declined(args.data_dir), *others(args.data_dir)]
    answers = [*labelled, *rest]
    found = [features(answer.text) for answer in answers]
    fold = np.array([int(place(a.prompt, "refusal") * FOLDS) for a in labelled])
    p = np.zeros(len(labelled))
    for held in range(FOLDS):
        learnt = [n for n in range(len(answers)) if n >= len(labelled) or fold[n] != held]
        part = fitted([found[n] for n in learnt], [answers[n] for n in learnt])
        at = np.flatnonzero(fold == held)
        p[at] = part.probabilities([found[n] for n in at])[:, REFUSES]
    threshold = threshold_for(RECALL, p, np.array([a.label == REFUSES for a in labelled]))
    model = fitted(found, answers)
    args.out.mkdir(parents=True, exist_ok=True)
    tensors = {"idf": model.idf, "weight": model.weight, "bias": model.bias}
    halved = {name: tensor.astype(np.float16) for name, tensor in tensors.items()}
    metadata = {"threshold": f"{threshold:.2f}", "classes": ",".join(CLASSES)}
    write_atomically(
        args.out / "model.safetensors", lambda path: save_file(halved, str(path), metadata)
    )
    facts = {"rows": len(labelled), "others": len(rest), "threshold": threshold}
    (args.out / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"{len(labelled)} labelled answers, {len(rest)} others, threshold {threshold:.2f}")


if __name__ == "__main__":
    main()
