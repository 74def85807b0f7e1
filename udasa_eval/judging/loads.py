"""What a judge is asked: how often, and how much it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from udasa_eval.judging.kinds import PairJudge, PairRubricJudge, PromptedJudge

TOKEN: Final = 4.0  # characters of English text


class Load(NamedTuple):
    """What a language model is asked as a judge of N answers.

    Attributes:
        calls: how often.
        chars: that it reads, the answers left out.
        readings: how often it reads each answer.
    """

    calls: int
    chars: int
    readings: int


def load_of(judge: PromptedJudge, asked: Sequence[int], baselines: Sequence[int]) -> Load:
    """Return what a judge is asked of N answers: of two in both orders, or of each by itself.

    Args:
        judge: its entry.
        asked: characters of the prompt behind each answer, N.
        baselines: of the baseline's answer that each is compared with, N; empty where of none.
    """
    n = len(asked)
    once = n * len(judge.prompt) + sum(asked)
    if isinstance(judge, (PairJudge, PairRubricJudge)):
        return Load(2 * n, 2 * (once + sum(baselines)), 2)
    if baselines:  # rated one by one, and the higher one is preferred
        return Load(2 * n, 2 * once + sum(baselines), 1)
    return Load(n, once, 1)
