"""Two systems on the same prompts: difference, interval, p-value, and who wins how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from udasa_eval.stats.intervals import (
    Interval,
    Keys,
    Range,
    by_cluster,
    heaped,
    middle,
    plain,
    studentised,
    studentised_ends,
)
from udasa_eval.stats.power import minimum_detectable
from udasa_eval.stats.rates import mcnemar
from udasa_eval.stats.resampling import REPLICATES, Floats, posterior_means

Test: TypeAlias = Literal["mcnemar", "sign", "bayesian-bootstrap", "studentised", "none"]


class Comparison(NamedTuple):
    """A paired comparison of two systems on the same prompts."""

    difference: Interval  # mean of a − b
    p_value: float  # two-sided
    wins: int  # prompts on which a scores higher
    losses: int
    ties: int
    test: Test  # of the p-value; none where no prompt differs
    detectable: float  # the smallest true difference found with a chance of 80%; NaN for n = 1


def compare(
    a: Floats,
    b: Floats,
    *,
    within: Range | None = None,
    clusters: Keys | None = None,
    level: float = 0.95,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Comparison:
    """Compare the means of two systems on the same prompts: test and interval by one method.

    The hypothesis is that the mean difference over prompts like these is 0. The interval holds 0
    where p ≥ 1 − level, and only there.

    Where every score is 0 or 1 the p-value is McNemar's, exact, and the interval that of the
    Bayesian bootstrap, widened to 0 where the test finds nothing. Differences of which more than
    half are the same, or that are multiples of half the range, get the Bayesian bootstrap: p is
    twice the smaller posterior share of either sign. All others get the studentised bootstrap: p is
    twice the smaller share of t* on one side of t = mean/se. No difference on any prompt is p = 1
    and no interval; the same difference on every prompt, of scores of no known range, is the exact
    sign test and no interval.

    Args:
        a: [N] scores of system a.
        b: [N] scores of system b on the same items. An item unscored in either is left out.
        within: the range that a score can have; None for scores that have none.
        clusters: [N] the prompt of each item; items of a prompt are averaged first.
        level: of the interval; 1 − level is that of the test and of the detectable difference.
        seed: of resampling.
        replicates: resamples.

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
    finite, interval = plain(difference)
    reach = 1.0 if binary else None if within is None else within.high - within.low
    wins, losses = int((finite > 0).sum()), int((finite < 0).sum())
    p_value, interval, test = _verdict(
        finite, interval, reach, level, seed, replicates, binary=binary
    )
    sd = interval.stderr * np.sqrt(interval.n)
    return Comparison(
        difference=interval,
        p_value=p_value,
        wins=wins,
        losses=losses,
        ties=interval.n - wins - losses,
        test=test,
        detectable=minimum_detectable(float(sd), interval.n, alpha=1.0 - level),
    )


def _verdict(
    finite: Floats,
    interval: Interval,
    reach: float | None,
    level: float,
    seed: int,
    replicates: int,
    *,
    binary: bool,
) -> tuple[float, Interval, Test]:
    """Return the p-value, the interval that agrees with it, and the test, as :func:`compare` says.

    Args:
        finite: [N] differences.
        interval: their mean and standard error.
        reach: the most that a difference can be; None where there is no such thing.
        level: of the interval.
        seed: of the draws.
        replicates: draws.
        binary: whether every score is 0 or 1.
    """
    wins, losses = int((finite > 0).sum()), int((finite < 0).sum())
    if wins + losses == 0:
        return 1.0, interval, "none"
    if interval.n == 1 or (reach is None and interval.stderr == 0.0):
        return mcnemar(wins, losses), interval, "sign"
    p_value, interval = _tested(finite, interval, reach, level, seed, replicates)
    test: Test = "studentised" if interval.method == "studentised" else "bayesian-bootstrap"
    if binary:
        p_value, test = mcnemar(wins, losses), "mcnemar"
    return p_value, _agreeing(interval, found=p_value < 1.0 - level), test


def _tested(
    finite: Floats,
    interval: Interval,
    reach: float | None,
    level: float,
    seed: int,
    replicates: int,
) -> tuple[float, Interval]:
    """Return the two-sided p-value of a mean of 0, and the interval of the same method.

    Args:
        finite: [N] differences, not all the same unless their range is known.
        interval: their mean and standard error.
        reach: the most that a difference can be; None where there is no such thing.
        level: of the interval.
        seed: of the draws.
        replicates: draws.
    """
    if heaped(finite) or (reach is not None and _halves(finite / reach)):
        most = float(np.abs(finite).max()) if reach is None else reach
        draws = posterior_means(finite, -most, most, replicates=replicates, seed=seed)
        low, high = middle(draws, level)
        low, high = min(low, interval.mean), max(high, interval.mean)
        p_value = _two_sided(draws, 0.0)
        return p_value, interval._replace(low=low, high=high, method="bayesian-bootstrap")
    t = studentised(finite, seed=seed, replicates=replicates)
    low, high = studentised_ends(t, interval, level)
    if reach is not None:
        low, high = max(low, -reach), min(high, reach)
    p_value = _two_sided(t, interval.mean / interval.stderr)
    return p_value, interval._replace(low=low, high=high, method="studentised")


def _two_sided(draws: Floats, value: float) -> float:
    """Return twice the smaller share of draws on one side of a value, one added (≤ 1)."""
    beyond = min(int((draws <= value).sum()), int((draws >= value).sum()))
    return min(1.0, 2.0 * (beyond + 1) / (draws.size + 1))


def _agreeing(interval: Interval, *, found: bool) -> Interval:
    """Return an interval that holds 0 where the test found nothing, and only there.

    McNemar's exact test finds less than the interval would say; elsewhere the two are apart by a
    draw at the most.
    """
    if not found:
        return interval._replace(low=min(interval.low, 0.0), high=max(interval.high, 0.0))
    if interval.mean > 0.0:
        return interval._replace(low=max(interval.low, np.finfo(float).tiny))
    return interval._replace(high=min(interval.high, -np.finfo(float).tiny))


def _halves(values: Floats) -> bool:
    """Whether all values are multiples of ½: differences of rates, or of rates with ties."""
    doubled = 2.0 * values
    return bool((doubled == np.round(doubled)).all())


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
