"""Two systems on the same prompts: difference, interval, p-value, and who wins how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from udasa_eval.stats.intervals import Interval, Keys, by_cluster, difference_interval
from udasa_eval.stats.power import minimum_detectable
from udasa_eval.stats.rates import mcnemar
from udasa_eval.stats.resampling import REPLICATES, Floats, flip_signs

Test: TypeAlias = Literal["mcnemar", "permutation"]


class Comparison(NamedTuple):
    """A paired comparison of two systems on the same prompts."""

    difference: Interval  # mean of a − b
    p_value: float  # two-sided
    wins: int  # prompts on which a scores higher
    losses: int
    ties: int
    test: Test
    detectable: float  # the smallest true difference found with a chance of 80%; NaN for n = 1


def compare(
    a: Floats,
    b: Floats,
    *,
    clusters: Keys | None = None,
    level: float = 0.95,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Comparison:
    """Compare two systems on the same prompts: paired bootstrap interval, paired test.

    Where every score is 0 or 1 the test is McNemar's, exact. Elsewhere it is the permutation test
    of paired scores: under no difference each prompt's a − b is as likely as b − a (Fisher 1935,
    §21). All 2^n sign patterns are tried for up to 13 prompts that differ, else
    random ones, one added to numerator and denominator (Davison & Hinkley 1997, §4.2.5).

    Args:
        a: [N] scores of system a.
        b: [N] scores of system b on the same items. An item unscored in either is left out.
        clusters: [N] the prompt of each item; items of a prompt are averaged first.
        level: coverage of the interval.
        seed: of resampling and permutation.
        replicates: of both.

    Raises:
        ValueError: the shapes differ, or no item is scored in both.
    """
    if a.shape != b.shape:
        raise ValueError(f"{a.size} scores against {b.size}: the same items are needed")
    difference = np.where(np.isfinite(a), a, np.nan) - np.where(np.isfinite(b), b, np.nan)
    binary = _binary(a) and _binary(b)
    if clusters is not None:
        difference = by_cluster(difference, clusters)
        binary = binary and difference.size == a.size
    interval = difference_interval(difference, level=level, seed=seed, replicates=replicates)
    finite = difference[np.isfinite(difference)]
    wins, losses = int((finite > 0).sum()), int((finite < 0).sum())
    if binary:
        test: Test = "mcnemar"
        p_value = mcnemar(wins, losses)
    else:
        test = "permutation"
        p_value = permutation_p(finite, replicates=replicates, seed=seed)
    sd = interval.stderr * np.sqrt(interval.n)
    detectable = minimum_detectable(float(sd), interval.n, alpha=1.0 - level)
    ties = interval.n - wins - losses
    return Comparison(interval, p_value, wins, losses, ties, test, detectable)


def permutation_p(difference: Floats, *, replicates: int = REPLICATES, seed: int = 0) -> float:
    """Return the two-sided p-value of the mean of paired differences under random signs.

    Args:
        difference: [N] finite.
        replicates: random sign patterns, where not all are tried.
        seed: of the patterns.
    """
    if not difference.any():
        return 1.0
    sums, complete = flip_signs(difference, replicates=replicates, seed=seed)
    observed = abs(float(difference.sum()))
    # sums of the same numbers in another order differ by rounding
    slack = 1e-12 * float(np.abs(difference).sum())
    extreme = int((np.abs(sums) >= observed - slack).sum())
    if complete:
        return extreme / sums.size
    return (extreme + 1) / (sums.size + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, step-down (Holm 1979, Scand. J. Stat. 6(2)).

    p̃₍ᵢ₎ = max_{j ≤ i} min(1, (m − j + 1) p₍ⱼ₎), in the order given.

    Args:
        p_values: in [0, 1]; NaN (no test) stays NaN and does not count.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.size, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted.tolist()


def _binary(scores: Floats) -> bool:
    finite = scores[np.isfinite(scores)]
    return bool(((finite == 0) | (finite == 1)).all())
