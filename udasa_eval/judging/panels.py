"""Several judges as one: their mean, how far they agree, and how many verdicts are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from udasa_data.scorers import Floats
from udasa_eval.judging.judgements import EXAMPLES, Judged
from udasa_eval.judging.judges import PinnedJudge
from udasa_eval.stats import SHARE, mean_interval


class PanelAgreement(NamedTuple):
    """How far the judges of a panel give the same verdict.

    Attributes:
        same: the mean share of pairs of judges with the same verdict, in [0, 1].
        low: of its 95% interval.
        high: of its 95% interval.
        kappa: Cohen's κ (1960, Educ. Psychol. Meas. 20, eq. 1), the mean over pairs of judges: 0 is
            chance, 1 always the same; NaN where all verdicts of a pair are one and the same.
        n: items on which all judges have a verdict.
    """

    same: float
    low: float
    high: float
    kappa: float
    n: int


def together(judged: Sequence[Judged]) -> Judged:
    """Return the mean of several judges' numbers; unscored where one of them is."""
    if len(judged) == 1:
        return judged[0]
    values = np.mean([of_judge.values for of_judge in judged], axis=0)
    why = [
        next(filter(None, reasons), None) for reasons in zip(*(j.why for j in judged), strict=True)
    ]
    examples = [text for of_judge in judged for text in of_judge.examples]
    return Judged(values, why, tuple(examples[:EXAMPLES]))


def agreement(values: Sequence[Floats]) -> PanelAgreement:
    """Return how far J judges agree.

    Args:
        values: J arrays, [N] or, of duels, [N, 2], whose mean over both orders counts. A verdict is
            which side of ½ a value is on; ½ itself is one of its own.
    """
    verdicts = np.array([np.sign(_of_items(of_judge) - 0.5) for of_judge in values])
    verdicts = verdicts[:, np.isfinite(verdicts).all(axis=0)]
    pairs = list(combinations(verdicts, 2))
    same = np.mean([a == b for a, b in pairs], axis=0)
    interval = mean_interval(same, within=SHARE)
    return PanelAgreement(
        interval.mean,
        interval.low,
        interval.high,
        float(np.mean([_kappa(a, b) for a, b in pairs])),
        verdicts.shape[1],
    )


def notes_of_role(pinned: PinnedJudge, judged: Sequence[Sequence[Judged]]) -> list[str]:
    """Return what a reader should know of a role's judges, a line each.

    Args:
        pinned: the judges.
        judged: by judge, then task.
    """
    notes = []
    for member, of_tasks in zip(pinned.members, judged, strict=True):
        why = [reason for of_task in of_tasks for reason in of_task.why]
        missing = Counter(reason for reason in why if reason)
        if missing:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in missing.most_common())
            n = missing.total()
            notes.append(
                f"{pinned.role}: {member.located.name} has no verdict on {n:,} of {len(why):,} "
                f"answers ({n / len(why):.1%}), which are unscored: {reasons}"
            )
    if pinned.others:
        values = [np.concatenate([j.values for j in of_tasks]) for of_tasks in judged]
        found = agreement(values)
        notes.append(
            f"{pinned.role}: the {len(values)} judges {pinned.name} give the same verdict on "
            f"{found.same:.1%} [{found.low:.1%}, {found.high:.1%}] of {found.n:,} answers "
            f"(Cohen's κ {found.kappa:.2f}); their mean counts"
        )
    return notes


def _of_items(values: Floats) -> Floats:
    return values.mean(axis=1) if values.ndim == 2 else values


def _kappa(a: Floats, b: Floats) -> float:
    """Return (p_o − p_e)/(1 − p_e): how often both agree, beyond how often they would by chance."""
    observed = float(np.mean(a == b))
    chance = float(sum(np.mean(a == v) * np.mean(b == v) for v in (-1.0, 0.0, 1.0)))
    return (observed - chance) / (1.0 - chance) if chance < 1.0 else float("nan")
