"""How an answer takes what was asked: whether it refuses or evades, and whether that is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from udasa_data.scorers.ngrams import Floats
from udasa_data.scoring.evasion import is_evasive
from udasa_data.scoring.pairwise import Answers
from udasa_data.scoring.refusal import is_refusal, refusal_probabilities

_ENGLISH = frozenset({None, "en"})  # what the embedded classifiers can read
REFUSES = 0.5  # of a configured classifier; the embedded one has a threshold of its own


class Conduct(NamedTuple):
    """Of K answers to a prompt, [K] each."""

    refusal: list[bool]
    evasive: list[bool]
    p_misplaced: Floats


def conduct_of(answers: Answers, p_harmful: float, p_refuses: Floats | None = None) -> Conduct:
    """Return how the answers to a prompt take it.

    ``p_misplaced`` is the probability that an answer refuses what it should do, or does what it
    should refuse: r (1 − h) + (1 − r) h, where r = P(the answer refuses) and h = P(the prompt asks
    for harm). It only adds to a risk: NaN where it is at most ½, since an answer that is no
    misplaced refusal may be harmful all the same.

    Args:
        answers: K.
        p_harmful: h; NaN where it is not known, and then p_misplaced is.
        p_refuses: r of each answer, [K], by the configured classifier; None takes the embedded one,
            and so does what that classifier cannot read (NaN).
    """
    texts = answers.texts
    reads = answers.language in _ENGLISH
    refusal = [is_refusal(text) for text in texts]
    refuses = _by_the_embedded(texts, refusal, reads=reads)
    if p_refuses is not None:
        read = np.isfinite(p_refuses)
        refuses = np.where(read, p_refuses, refuses)
        refusal = np.where(read, p_refuses >= REFUSES, refusal).tolist()
    asked = answers.row["messages"][-1]["content"]
    misplaced = refuses * (1.0 - p_harmful) + (1.0 - refuses) * p_harmful
    return Conduct(
        refusal,
        [
            reads and not refuses and is_evasive(asked, text)
            for text, refuses in zip(texts, refusal, strict=True)
        ],
        np.where(misplaced > 0.5, misplaced, np.nan),
    )


def _by_the_embedded(texts: Sequence[str], refusal: Sequence[bool], *, reads: bool) -> Floats:
    """Return P(refuses) of each answer, [K]; of other languages only a few phrases are known."""
    if not reads:
        return np.where(refusal, 0.5, np.nan)
    return np.maximum(refusal_probabilities(texts)[:, -1], np.array(refusal) * 0.5)
