"""Intervals and tests of rates: Wilson, McNemar."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np


class Bounds(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


def z_of(level: float) -> float:
    """Return the normal quantile that leaves (1 − level)/2 above it."""
    return NormalDist().inv_cdf((1.0 + level) / 2.0)


def wilson(successes: float, n: int, *, level: float = 0.95) -> Bounds:
    """Return Wilson's score interval of a rate (Wilson 1927; Brown, Cai & DasGupta 2001).

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n). Its coverage swings about the nominal
    level; on average over p it is close to it.

    Args:
        successes: in [0, n]; a tie may count ½.
        n: trials, ≥ 1.
        level: coverage.

    Raises:
        ValueError: n is 0, or the successes are outside [0, n].
    """
    _check(successes, n)
    z = z_of(level)
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else float((centre - half) / scale)
    high = 1.0 if successes == n else float((centre + half) / scale)
    return Bounds(low, high)


def mcnemar(wins: int, losses: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (McNemar 1947), 1 where all pairs agree.

    Under no difference, wins ~ Binomial(wins + losses, ½); p = min(1, 2 P(X ≤ min)).

    Args:
        wins: pairs of which only the first succeeds.
        losses: pairs of which only the second does.
    """
    from scipy.special import bdtr

    discordant = wins + losses
    if discordant == 0:
        return 1.0
    return float(min(1.0, 2.0 * bdtr(min(wins, losses), discordant, 0.5)))


def _check(successes: float, n: int) -> None:
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n}: no rate")
