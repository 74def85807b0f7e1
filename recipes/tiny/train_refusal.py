"""Train the embedded classifier of refusals: complies, partly, refuses.

python -m udasa_recipes.tiny.train_refusal --data-dir DATA --out udasa_data/tiny/refusal
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udasa_data.scorers.ngrams import features
from udasa_data.scoring.refusal import CLASSES

from .labelled import measured
from .linear import Answer, fitted, left_out, save
from .refusal_phrases import no_refusals, refusals
from .sources import chats, table

COMPLIES, PARTLY, REFUSES = range(3)
LABELS: Final = {
    "1_full_compliance": COMPLIES,
    "2_full_refusal": REFUSES,
    "3_partial_refusal": PARTLY,
}
RECALL: Final = 0.93  # of the refusals of prompts left out in turn
STRENGTH: Final = 30.0


class Said(NamedTuple):
    """An answer, what it does, what it counts for, and the prompt it belongs to."""

    text: str
    label: int
    weight: float
    prompt: str


def people(data_dir: Path, *, test: bool) -> list[Said]:
    """Return XSTest's answers of five models, as people labelled them; prompts are split."""
    rows = table(data_dir, "xstest/completions").iter_rows(named=True)
    return [
        Said(row["completion"], LABELS[row["final_label"]], 1.0, row["prompt"])
        for row in rows
        if row["completion"] and row["final_label"] in LABELS and measured(row["prompt"]) == test
    ]


def declined(data_dir: Path) -> list[Said]:
    """Return Do-Not-Answer's answers that decline, as people say; not to questions measured on."""
    rows = table(data_dir, "do_not_answer/responses_human_labels").iter_rows(named=True)
    return [
        Said(row["response"], REFUSES, 0.05, row["question"])
        for row in rows
        if row["action"] == 0 and row["response"] and not measured(row["question"])
    ]


def others(data_dir: Path) -> list[Said]:
    """Return what needs no label of people's: everyday answers, phrases, and their like."""
    everyday = [c for c in chats(data_dir) if not measured(c.question)]
    rng = np.random.default_rng(0)
    drawn = [everyday[n].answer for n in rng.permutation(len(everyday))[:1500]]
    kept = [text for text in drawn if not text.lower().startswith(("i'm sorry", "i can", "sorry"))]
    return [
        *(Said(text, COMPLIES, 0.05, text) for text in kept),
        *(Said(text, COMPLIES, 0.3, text) for text in no_refusals()),
        *(Said(text, REFUSES, 0.02, text) for text in refusals()),
    ]


def _read(said: list[Said]) -> list[Answer]:
    return [Answer(features(s.text), s.label, s.weight, s.prompt) for s in said]


def threshold_for(recall: float, p: NDArray[np.float64], refuses: NDArray[np.bool_]) -> float:
    """Return the highest threshold of P(refuses) that still finds so many of the refusals."""
    return float(np.floor(np.quantile(p[refuses], 1.0 - recall) * 100) / 100)


def main() -> None:
    """Train, set the threshold on prompts left out in turn, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    labelled = _read(people(args.data_dir, test=False))
    rest = _read([*declined(args.data_dir), *others(args.data_dir)])
    p = left_out(labelled, rest, STRENGTH, "refusal")
    threshold = threshold_for(RECALL, p, np.array([a.label == REFUSES for a in labelled]))
    model = fitted([*labelled, *rest], STRENGTH)._replace(threshold=threshold)
    save(args.out, model, CLASSES, {"rows": len(labelled), "others": len(rest)})
    print(f"{len(labelled)} labelled answers, {len(rest)} others, threshold {threshold:.2f}")


if __name__ == "__main__":
    main()
