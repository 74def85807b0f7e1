"""Train the embedded classifier of evasive answers: informative, evasive.

python -m udasa_recipes.tiny.train_evasion --data-dir DATA --out udasa_data/tiny/evasion
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from udasa_data.scoring.evasion import CLASSES, answer_features

from .labelled import answers, measured
from .linear import Answer, fitted, left_out, save
from .sources import chats

INFORMATIVE, EVASIVE = range(2)
PRECISION: Final = 0.85  # of the answers taken for evasive, of questions left out in turn
STRENGTH: Final = 10.0


def judged(data_dir: Path, *, test: bool) -> list[Answer]:
    """Return TruthfulQA's answers, judged informative or not; questions are split."""
    return [
        Answer(answer_features(a.first, a.second), int(not a.label), 1.0, a.first)
        for a in answers(data_dir, "info", test=test)
    ]


def everyday(data_dir: Path) -> list[Answer]:
    """Return answers of people and models to everyday questions, which say something of them.

    TruthfulQA's are short: without these, a long answer is taken by its opening words.
    """
    talk = [c for c in chats(data_dir) if not measured(c.question) and c.answer]
    rng = np.random.default_rng(0)
    drawn = [talk[n] for n in rng.permutation(len(talk))[:3000]]
    return [
        Answer(answer_features(c.question, c.answer), INFORMATIVE, 1.0, c.question) for c in drawn
    ]


def threshold_for(wanted: float, p: NDArray[np.float64], evasive: NDArray[np.bool_]) -> float:
    """Return the lowest threshold of P(evasive) from which so many are indeed evasive."""
    order = np.argsort(-p)
    precision = np.cumsum(evasive[order]) / np.arange(1, len(p) + 1)
    last = int(np.flatnonzero(precision >= wanted)[-1])
    return float(np.ceil(p[order][last] * 100) / 100)


def main() -> None:
    """Train, set the threshold on questions left out in turn, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    labelled = judged(args.data_dir, test=False)
    rest = everyday(args.data_dir)
    p = left_out(labelled, rest, STRENGTH, "evasion")
    threshold = threshold_for(PRECISION, p, np.array([a.label == EVASIVE for a in labelled]))
    model = fitted([*labelled, *rest], STRENGTH)._replace(threshold=threshold)
    save(args.out, model, CLASSES, {"rows": len(labelled), "others": len(rest)})
    print(f"{len(labelled)} judged answers, {len(rest)} others, threshold {threshold:.2f}")


if __name__ == "__main__":
    main()
