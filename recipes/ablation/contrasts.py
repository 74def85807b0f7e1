"""Cells → each variant's paired differences from staged: intervals, tests, equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_eval.stats import holm, minimum_detectable

from .cells import Cell

Floats: TypeAlias = NDArray[np.float64]
STAGED: Final = "staged"
REPLICATES: Final = 4000
MARGIN: Final = 0.03  # of a share: a difference below it is called none


class Row(NamedTuple):
    """A variant's mean of a metric, and its difference from ``staged``.

    Attributes:
        metric: by which the two are compared.
        variant: its name.
        mean: over seeds and prompts.
        difference: from staged, paired by seed and prompt.
        low: of the 95% interval of the difference.
        high: of the same.
        seeds: of training.
        prompts: or questions.
        p: of the difference, two-sided, adjusted for all variants of the metric (Holm).
        detectable: the smallest true difference that is found with a chance of 80% before the
            adjustment; NaN where the two never differ.
        equal: whether the 90% interval lies within ± ``MARGIN`` (two one-sided tests at 5%,
            Schuirmann 1987, J. Pharmacokinet. Biopharm. 15); None where :func:`is_share` is false.
    """

    metric: str
    variant: str
    mean: float
    difference: float
    low: float
    high: float
    seeds: int
    prompts: int
    p: float = float("nan")
    detectable: float = float("nan")
    equal: bool | None = None


def is_share(metric: str) -> bool:
    """Return whether an outcome is a share of answers, for which ``MARGIN`` is meant."""
    return metric == "gold" or metric.startswith("refuses ")


def summarise(cells: Sequence[Cell]) -> list[Row]:
    """Return a row for each metric and variant that has it, in the order of the cells."""
    return [
        row
        for metric in dict.fromkeys(metric for cell in cells for metric in cell.figures)
        for row in _of_metric(cells, metric)
    ]


def _of_metric(cells: Sequence[Cell], metric: str) -> list[Row]:
    """Return the rows of a metric; a variant is paired with ``staged`` of its own seeds."""
    having = [cell for cell in cells if metric in cell.figures]
    staged = {cell.seed: cell for cell in having if cell.variant == STAGED}
    rows = []
    for name in dict.fromkeys(cell.variant for cell in having):
        own = [cell for cell in having if cell.variant == name and cell.seed in staged]
        base = [staged[cell.seed] for cell in own]
        if own:
            rows.append(_row(metric, name, _matrix(own, metric), _matrix(base, metric)))
    adjusted = holm([row.p for row in rows])
    return [row._replace(p=p) for row, p in zip(rows, adjusted, strict=True)]


def _row(metric: str, variant: str, own: Floats, base: Floats) -> Row:
    differences = own - base
    draws = crossed_draws(differences)
    low, high = np.quantile(draws, [0.025, 0.975]).tolist()
    row = Row(metric, variant, float(own.mean()), float(differences.mean()), low, high, *own.shape)
    if variant == STAGED:
        return row
    inner = np.quantile(draws, [0.05, 0.95])
    return row._replace(
        p=_two_sided(draws),
        detectable=minimum_detectable(float(draws.std()), 1),
        equal=bool(np.abs(inner).max() < MARGIN) if is_share(metric) else None,
    )


def _matrix(cells: Sequence[Cell], metric: str) -> Floats:
    """Return [seeds, prompts] of a metric, a row a cell."""
    prompts = sorted(cells[0].figures[metric])
    return np.array([[cell.figures[metric][p] for p in prompts] for cell in cells])


def crossed_draws(differences: Floats, seed: int = 0) -> Floats:
    """Return [REPLICATES] means over seeds and prompts, both resampled.

    The pigeonhole bootstrap (Owen 2007, Ann. Appl. Stat. 1(2), §3): rows and columns are drawn with
    replacement, independently, so that neither a lucky seed nor an easy prompt counts as many.

    Args:
        differences: [seeds, prompts].
        seed: of the resampling.
    """
    rng = np.random.default_rng(seed)
    n_rows, n_columns = differences.shape
    means = np.empty(REPLICATES)
    for n in range(REPLICATES):
        rows = rng.integers(n_rows, size=n_rows)
        columns = rng.integers(n_columns, size=n_columns)
        means[n] = differences[np.ix_(rows, columns)].mean()
    return means


def crossed_interval(differences: Floats, seed: int = 0) -> tuple[float, float]:
    """Return the 95% interval of a mean over seeds and prompts (:func:`crossed_draws`)."""
    low, high = np.quantile(crossed_draws(differences, seed), [0.025, 0.975])
    return float(low), float(high)


def _two_sided(draws: Floats) -> float:
    """Return twice the smaller share of draws on one side of 0, one added (≤ 1)."""
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2.0 * (beyond + 1) / (draws.size + 1))
