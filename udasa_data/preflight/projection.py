"""From a few prompts that were tried to all: tokens, seconds, money, each with its interval.

Shared by what a build will take (``udasa-data plan``) and what an evaluation will (``udasa-eval
plan``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev
from typing import Final, NamedTuple

COVERAGE: Final = 0.9
_UNEVEN: Final = 0.1  # how evenly a machine runs


class Interval(NamedTuple):
    """A projected figure; the truth lies between ``low`` and ``high`` nine times in ten."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        """Return the interval of a multiple."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    def plus(self, other: Interval) -> Interval:
        """Return the interval of a sum, as if both were wrong to the same side."""
        return Interval(self.value + other.value, self.low + other.low, self.high + other.high)

    @property
    def spread(self) -> float:
        """How far ``high`` is above the value, as a share of it; 0 where that is 0."""
        return self.high / self.value - 1 if self.value else 0.0


@dataclass(frozen=True)
class Prices:
    """What the user pays, in any currency; None is not paid for.

    Attributes:
        hour: of an hour of the machine.
        input_tokens: of a million tokens read by the policy.
        output_tokens: of a million tokens written by it.
    """

    hour: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None


def exactly(value: float) -> Interval:
    """Return the interval of what is known."""
    return Interval(value, value, value)


def total_of(per_prompt: Sequence[float], n: float) -> Interval:
    """Return the total over ``n`` prompts, of which ``per_prompt`` is a random sample, ≥ 2.

    value = n · mean; half width = z · n · s / √m · √(1 − m/n) for a sample of m (the mean's normal
    interval with the finite population correction; Cochran, Sampling Techniques, 2.8), z of the
    two-sided 90%, widened by 1 + 1/m for the few prompts of a pilot.
    """
    m, average = len(per_prompt), mean(per_prompt)
    if m >= n:
        return exactly(average * n)
    z = NormalDist().inv_cdf(0.5 + COVERAGE / 2) * (1 + 1 / m)
    half = z * n * stdev(per_prompt) / math.sqrt(m) * math.sqrt(1 - m / n)
    return Interval(average * n, max(0.0, average * n - half), average * n + half)


def seconds_of(loading: float, work: float, spread: float) -> Interval:
    """Return the wall time of what is loaded once and then works.

    Args:
        loading: seconds.
        work: seconds, of all prompts.
        spread: of the tokens, as a share; a tenth more is allowed for how evenly a machine runs.
    """
    share = min(spread + _UNEVEN, 1.0)
    return Interval(loading + work, loading + work * (1 - share), loading + work * (1 + share))


def money_of(
    prices: Prices, seconds: Interval, read: Interval, written: Interval
) -> Interval | None:
    """Return what time and tokens cost; None without prices."""
    parts = [
        amount.times(price)
        for amount, price in (
            (seconds.times(1 / 3600), prices.hour),
            (read.times(1e-6), prices.input_tokens),
            (written.times(1e-6), prices.output_tokens),
        )
        if price is not None
    ]
    return sum_of(parts) if parts else None


def sum_of(parts: Sequence[Interval]) -> Interval:
    """Return the interval of a sum, as if all were wrong to the same side; 0 of none."""
    total = exactly(0.0)
    for part in parts:
        total = total.plus(part)
    return total
