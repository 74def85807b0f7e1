"""Evasive answers: those that say nothing of what was asked.

"I'm not sure what you mean", "no comment", the question said again, a word that answers nothing. A
linear classifier over the n-grams of the answer and a few marks of how it stands to the question,
learnt from TruthfulQA's judged answers and from phrases that fit any question
(``recipes/tiny/train_wording.py``); its card says how well it does on questions it never saw, and
``tests/scoring/test_evasion.py`` on phrases. It knows English.
"""

from __future__ import annotations

from typing import Final

from udasa_data.scorers.ngrams import load_linear
from udasa_data.scorers.wording import answer_features

CLASSES: Final = ("informative", "evasive")


def is_evasive(question: str, answer: str) -> bool:
    """Return whether an answer says nothing of what was asked."""
    model = load_linear("evasion")
    p = model.probabilities([answer_features(question, answer)])[0, -1]
    return bool(p >= model.threshold)
