"""What judges are asked about, and what they make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from udasa_data.scorers import Floats, OnBatch, TextPair

EXAMPLES: Final = 3  # of what a judge says where its verdict cannot be read
NONSENSE: Final = "the judge says something else"
UNASKED: Final = "too long for the judge, or refused by it"
ONE_SIDE: Final = (
    "the judge's server tells how likely one of its choices is, and not the other; kind rubric "
    "reads what it writes"
)
BEYOND: Final = "the judge's verdict is beyond its scale"
CUT: Final = "the judge was cut before its verdict; raise its max_tokens"
_UNREAD: Final = (
    "most of its characters are unknown to the judge, or the judge's chat template refuses it"
)


class Duel(NamedTuple):
    """A prompt, the model's answer and the baseline's; ``turns`` as those of a ``TextPair``."""

    prompt: str
    answer: str
    baseline: str
    turns: tuple[tuple[str, str], ...] = ()


class Judged(NamedTuple):
    """What a judge made of N items.

    Attributes:
        values: [N] or, of duels, [N, 2]: the preference for the model's answer shown first, shown
            second. NaN: unscored.
        why: [N], None where there is a value.
        examples: of what the judge said instead, a few.
    """

    values: Floats
    why: list[str | None]
    examples: tuple[str, ...] = ()


class LoadedJudge(NamedTuple):
    """What a judge can be asked for; what it cannot is None."""

    rate: Callable[[Sequence[TextPair], OnBatch], Judged] | None
    prefer: Callable[[Sequence[Duel], OnBatch], Judged] | None


def all_read(values: Floats) -> Judged:
    """Return values as judgements; NaN where the judge cannot read the text."""
    return Judged(values, [_UNREAD if np.isnan(value).any() else None for value in values])
