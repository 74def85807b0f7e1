"""Paired metrics → who is better: tests, their correction, and intervals at its level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from udasa_data.config import Strict
from udasa_eval.results.folder import null_unless_finite
from udasa_eval.results.records import Direction
from udasa_eval.stats import Comparison, Floats, Range, compare, holm, minimum_detectable

_ALPHA: Final = 0.05  # of a family of tests: its headline metrics, or the others
_SHOWN: Final = 2000  # characters of a prompt or an answer


class PromptDifference(Strict, frozen=True):
    """A prompt on which two runs differ."""

    prompt_hash: str
    prompt: str | None  # null where the run stored no generations for it
    value_a: float
    value_b: float
    answer_a: str | None
    answer_b: str | None


def shortened(text: str | None) -> str | None:
    """Return a prompt or an answer as a comparison holds it, cut after 2,000 characters."""
    return text if text is None or len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class MetricComparison(Strict, frozen=True):
    """One metric of two runs.

    Attributes:
        difference: mean of a − b over the prompts scored in both, in the metric's own unit.
        low: of its interval; null where there is none.
        high: of its interval.
        level: of the interval, at which the corrected test decides: it excludes 0 where one of the
            two is better, and only there.
        p: two-sided; null for a metric that is no mean over prompts.
        p_holm: corrected for the headline metrics of all runs, or for their other metrics.
        better: which of the two the corrected p-value calls better at 5%, if any.
        wins: prompts on which a is better, by the metric's direction.
        only_in_one: prompts that one run has and the other has not.
        unscored: prompts in both, without a value in one or both.
        detectable: the true difference that n prompts find with a chance of 80% at the first step
            of the correction, whatever becomes of the other metrics.
    """

    task: str
    metric: str
    axis: str
    direction: Direction
    headline: bool
    a: str
    b: str
    value_a: float | None
    value_b: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    stderr: float | None = None
    p: float | None = None
    p_holm: float | None = None
    better: str | None = None
    test: str | None = None
    interval: str | None = None
    wins: int = 0
    ties: int = 0
    losses: int = 0
    n: int = 0
    unscored: int = 0
    only_in_one: int = 0
    detectable: float | None = None
    differ_most: tuple[PromptDifference, ...] = ()


class Paired(NamedTuple):
    """A metric of two runs before its test: values [N] of the same prompts, NaN unscored.

    ``a`` and ``b`` are None where there is nothing to test.
    """

    blank: MetricComparison
    a: Floats | None
    b: Floats | None
    within: Range | None
    counted: bool = True  # whether values are scores, of which the higher wins


def verdicts(paired: Sequence[Paired], *, seed: int, replicates: int) -> list[MetricComparison]:
    """Test metrics, corrected by Holm's method: the headline ones together, and the others.

    Args:
        paired: of all runs that are compared.
        seed: of the resampling.
        replicates: resamples.
    """
    plain = [_compare(pair, 1.0 - _ALPHA, seed, replicates) for pair in paired]
    p_values = [np.nan if result is None else result.p_value for result in plain]
    found: dict[int, MetricComparison] = {}
    for headline in (True, False):
        family = [n for n, pair in enumerate(paired) if pair.blank.headline is headline]
        corrected = holm([p_values[n] for n in family])
        alphas = decision_levels([p_values[n] for n in family])
        for n, p_holm, alpha in zip(family, corrected, alphas, strict=True):
            result = plain[n]
            if result is None:
                found[n] = paired[n].blank
                continue
            if alpha < _ALPHA:
                result = _compare(paired[n], 1.0 - alpha, seed, replicates) or result
            tests = sum(np.isfinite(p_values[m]) for m in family)
            found[n] = _recorded(paired[n], result, p_holm, alpha, _ALPHA / tests)
    return [found[n] for n in range(len(paired))]


def decision_levels(p_values: Iterable[float]) -> list[float]:
    """Return the α at which Holm's step-down decides about each p-value; NaN where there is none.

    It goes through the m p-values from the smallest on, at α/m, α/(m − 1), …, up to the first that
    is not below; that and all after it are held against that step's α.
    """
    p = np.asarray(list(p_values), dtype=np.float64)
    order = [n for n in np.argsort(p, kind="stable") if np.isfinite(p[n])]
    levels = np.full(p.size, np.nan)
    stopped: float | None = None
    for step, n in enumerate(order):
        alpha = stopped or _ALPHA / (len(order) - step)
        if p[n] >= alpha:
            stopped = alpha
        levels[n] = alpha
    return levels.tolist()


def _compare(pair: Paired, level: float, seed: int, replicates: int) -> Comparison | None:
    if pair.a is None or pair.b is None:
        return None
    return compare(
        pair.a, pair.b, within=pair.within, level=level, seed=seed, replicates=replicates
    )


def _recorded(
    pair: Paired, result: Comparison, p_holm: float, alpha: float, first: float
) -> MetricComparison:
    """Return a comparison with its numbers, and who is better by the corrected p-value."""
    blank, d, better = pair.blank, result.difference, None
    if result.p_value < alpha and d.mean:
        better = blank.a if (d.mean > 0) == (blank.direction == "higher") else blank.b
    wins, losses = result.wins, result.losses
    if blank.direction == "lower":
        wins, losses = losses, wins
    sd = d.stderr * np.sqrt(d.n)
    return replace(
        blank,
        difference=d.mean,
        low=null_unless_finite(d.low),
        high=null_unless_finite(d.high),
        level=1.0 - alpha,
        stderr=null_unless_finite(d.stderr),
        p=result.p_value,
        p_holm=p_holm,
        better=better,
        test=result.test,
        interval=d.method,
        wins=wins if pair.counted else 0,
        ties=result.ties if pair.counted else 0,
        losses=losses if pair.counted else 0,
        n=d.n,
        detectable=null_unless_finite(minimum_detectable(float(sd), d.n, alpha=first)),
    )
