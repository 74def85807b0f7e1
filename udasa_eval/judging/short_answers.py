"""Short answers beside their gold texts, as SQuAD and DPR compare them: no judge."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Final

_ARTICLES: Final = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION: Final = frozenset(string.punctuation)


def normalised(text: str) -> str:
    """Return a text in small letters, without punctuation (ASCII), articles and double spaces.

    Rajpurkar et al. 2016 (arXiv 1606.05250, §6.1 and its official script), in that order.
    """
    kept = "".join(letter for letter in text.lower() if letter not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", kept).split())


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """Return 1 where an answer is one of the gold texts, both normalised; else 0.

    Args:
        answer: of the model.
        golds: one or more.
    """
    said = normalised(answer)
    return float(any(said == normalised(gold) for gold in golds))


def token_f1(answer: str, golds: Sequence[str]) -> float:
    """Return the best F1 of an answer's words with those of a gold text, in [0, 1].

    2 · precision · recall / (precision + recall) over the words that both have, with multiplicity
    (Rajpurkar et al. 2016, §6.1). Where one of the two has no words, 1 if the other has none, too.

    Args:
        answer: of the model.
        golds: one or more.
    """
    return max(_f1(normalised(answer).split(), normalised(gold).split()) for gold in golds)


def _f1(said: list[str], gold: list[str]) -> float:
    if not said or not gold:
        return float(said == gold)
    shared = (Counter(said) & Counter(gold)).total()
    return 2 * shared / (len(said) + len(gold))  # = 2PR/(P + R)


def included(answer: str, golds: Sequence[str]) -> float:
    """Return 1 where a gold text stands in an answer, in whole words, both normalised; else 0.

    The accuracy of PopQA (Mallen et al. 2023, arXiv 2212.10511, §4), which compares letters as they
    are and within words, too.
    """
    said = f" {normalised(answer)} "
    return float(any(f" {text} " in said for gold in golds if (text := normalised(gold))))
