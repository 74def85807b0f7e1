"""Train the embedded linear classifiers of how an answer to a question is worded.

python -m udasa_recipes.tiny.train_wording evasion --data-dir DATA --out udasa_data/tiny/evasion
python -m udasa_recipes.tiny.train_wording truth --data-dir DATA --out udasa_data/tiny/truth
python -m udasa_recipes.tiny.train_wording helpfulness --data-dir DATA --out \
    udasa_data/tiny/helpfulness

``evasion`` knows answers that say nothing of what was asked, ``truth`` those that people held
untrue. Both learn from TruthfulQA's judged answers to the questions that the judges do not learn
from. ``helpfulness`` learns which of two answers people prefer.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from udasa_data.config import LINEAR
from udasa_data.scorers.wording import answer_features, help_features

from .evasion_phrases import evasions, no_evasions
from .helped import helped
from .labelled import answers, measured
from .linear import Answer, Ranked, fitted, left_out, ranking, save
from .sources import Chat, chats

CLASSES: Final = {
    "evasion": ("informative", "evasive"),
    "truth": ("truthful", "untruthful"),
    "helpfulness": ("helpful", "unhelpful"),
}
LABEL: Final = {"evasion": "info", "truth": "truth"}  # of the first class
PRECISION: Final = 0.80  # of the answers taken for evasive, of questions left out in turn
STRENGTH: Final = 10.0
REWARD_STRENGTH: Final = 0.1
EVERYDAY: Final = 3000  # answers
FRAMED: Final = 1000  # everyday answers between evasive phrases
EVASIONS: Final = 3000
_ASKS_BACK: Final = re.compile(
    r"not sure (what|i understand)|do(n.t| not) (understand|know)|what do you mean|no idea what"
    r"|(could|can) (you|i) (please )?(clarify|rephrase|explain|provide|give|get|tell|elaborate)"
    r"|more (context|details|information)|what would you like|how (can|may) i (help|assist)",
    re.IGNORECASE,
)


def judged(data_dir: Path, name: str, *, test: bool) -> list[Answer]:
    """Return TruthfulQA's judged answers, 1 for those of the second class; questions are split."""
    return [
        Answer(answer_features(a.first, a.second), int(not a.label), 1.0, a.first)
        for a in answers(data_dir, LABEL[name], "test" if test else "scorers")
    ]


def everyday(data_dir: Path) -> list[Answer]:
    """Return answers of people and models to everyday questions, which say something of them.

    TruthfulQA's are short: without these, a long answer is taken by its opening words.
    """
    return [_answer(c.question, c.answer, 0, 1.0) for c in _talk(data_dir)[:EVERYDAY]]


def phrases(data_dir: Path) -> list[Answer]:
    """Return what needs no label of people's: phrases that fit any question, and their like.

    TruthfulQA's evasive answers are nearly all one sentence, "I have no comment", and models
    have many others. Each stands below a question of somebody's.
    """
    asked = [c.question for c in _talk(data_dir)]
    told = [c.answer for c in _talk(data_dir)[EVERYDAY : EVERYDAY + FRAMED]]
    rng = np.random.default_rng(0)
    kinds = (evasions(), no_evasions(told))
    drawn = [(text, 1) for text in rng.permutation(kinds[0])[:EVASIONS].tolist()]
    drawn += [(text, 0) for text in kinds[1]]
    questions = rng.choice(np.array(asked, dtype=object), len(drawn))
    return [
        _answer(question, text, label, 0.5)
        for question, (text, label) in zip(questions, drawn, strict=True)
    ]


def _talk(data_dir: Path) -> list[Chat]:
    """Return everyday questions with answers that are not evasive on their face, shuffled."""
    talk = [c for c in chats(data_dir) if not measured(c.question) and c.answer]
    shuffled = (talk[n] for n in np.random.default_rng(0).permutation(len(talk)))
    return [c for c in shuffled if not _ASKS_BACK.search(c.answer[:120])]


def _answer(question: str, text: str, label: int, weight: float) -> Answer:
    return Answer(answer_features(question, text), label, weight, question)


def threshold_for(wanted: float, p: NDArray[np.float64], evasive: NDArray[np.bool_]) -> float:
    """Return the lowest threshold of P(evasive) from which so many are indeed evasive."""
    order = np.argsort(-p)
    precision = np.cumsum(evasive[order]) / np.arange(1, len(p) + 1)
    last = int(np.flatnonzero(precision >= wanted)[-1])
    return float(np.ceil(p[order][last] * 100) / 100)


def train_evasion(data_dir: Path, out: Path) -> None:
    """Train, set the threshold on questions left out in turn, save."""
    labelled = judged(data_dir, "evasion", test=False)
    rest = [*everyday(data_dir), *phrases(data_dir)]
    p = left_out(labelled, rest, STRENGTH, "evasion")
    threshold = threshold_for(PRECISION, p, np.array([a.label == 1 for a in labelled]))
    model = fitted([*labelled, *rest], STRENGTH)._replace(threshold=threshold)
    save(out, model, CLASSES["evasion"], {"rows": len(labelled), "others": len(rest)})


def train_truth(data_dir: Path, out: Path) -> None:
    """Train, save as a scorer that a configuration can name."""
    labelled = judged(data_dir, "truth", test=False)
    save(out, fitted(labelled, STRENGTH), CLASSES["truth"], {"rows": len(labelled)})
    _write_config(out, "truth", "wording")


def train_helpfulness(data_dir: Path, out: Path) -> None:
    """Train a reward, save it as a scorer that a configuration can name."""
    pairs = [
        Ranked(help_features(p.prompt, p.chosen), help_features(p.prompt, p.rejected), p.prompt)
        for p in helped(data_dir, test=False)
    ]
    model = ranking(pairs, REWARD_STRENGTH)
    save(out, model, CLASSES["helpfulness"], {"rows": 2 * len(pairs)})
    _write_config(out, "helpfulness", "help")


def _write_config(out: Path, name: str, reads: str) -> None:
    config = {
        "model_type": LINEAR,
        "reads": reads,
        "id2label": dict(enumerate(CLASSES[name])),
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Train one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(CLASSES))
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    train = {"evasion": train_evasion, "truth": train_truth, "helpfulness": train_helpfulness}
    train[args.name](args.data_dir, args.out)


if __name__ == "__main__":
    main()
