"""Win rates against a baseline, and what is known of lengths.

A preference is the probability that the model's answer is better than the baseline's: 1 a win, 0
a loss, ½ a tie, anything between from a judge that weighs; NaN is unscored. Win rates are shares
in [0, 1], higher is better; alpaca_eval prints them times 100.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from udasa_eval.stats.intervals import standard_error
from udasa_eval.stats.resampling import Floats

TIE_WIDTH: Final = 1e-6  # preferences this close to ½ are ties


class WinRate(NamedTuple):
    """A raw win rate: the mean preference, ties counted half."""

    value: float
    stderr: float  # of the mean over prompts; NaN for fewer than two
    wins: int
    ties: int
    losses: int
    unscored: int

    @property
    def n(self) -> int:
        """Return how many prompts were scored."""
        return self.wins + self.ties + self.losses


def win_rate(preference: Floats) -> WinRate:
    """Return the mean preference and the wins, ties and losses behind it.

    Args:
        preference: [N] in [0, 1], of the model's answer; NaN is unscored, counted and left out.

    Raises:
        ValueError: nothing is scored, or a preference is outside [0, 1].
    """
    values = scored(preference)
    ties = int((np.abs(values - 0.5) <= TIE_WIDTH).sum())
    wins = int((values > 0.5 + TIE_WIDTH).sum())
    n = values.size
    mean, stderr = float(values.mean()), standard_error(values)
    return WinRate(mean, stderr, wins, ties, n - wins - ties, preference.size - n)


def length_term(length: Floats, baseline_length: Floats) -> Floats:
    """Return tanh((len_baseline − len_model) / sd), [N] in [−1, 1]; 0 for equal lengths.

    The sd is that of the differences, which are not centred (alpaca_eval,
    ``metrics/glm_winrate.py``; Dubois et al. 2024, arXiv 2404.04475, §3).

    Args:
        length: [N] characters of the model's answers.
        baseline_length: [N] of the baseline's.
    """
    difference = baseline_length.astype(np.float64) - length
    sd = float(difference.std(ddof=1)) if difference.size > 1 else 0.0
    if sd == 0.0:
        return np.sign(difference)
    return np.tanh(difference / sd)


def sigmoid(z: Floats) -> Floats:
    """Return 1 / (1 + e^−z)."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)))


def scored(preference: Floats) -> Floats:
    """Return the scored preferences.

    Raises:
        ValueError: nothing is scored, or a preference is outside [0, 1].
    """
    values: Floats = preference[np.isfinite(preference)]
    if values.size == 0:
        raise ValueError("nothing is scored")
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"preferences from {values.min()} to {values.max()}: not in [0, 1]")
    return values
