"""Cells → each variant's figures, and its paired differences from staged with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..staged.report import aligned
from .cells import Cell

Floats: TypeAlias = NDArray[np.float64]
REPLICATES: Final = 4000


class Row(NamedTuple):
    """A variant's mean of a metric, and its difference from ``staged`` with its 95% interval."""

    metric: str
    variant: str
    mean: float
    difference: float
    low: float
    high: float
    seeds: int
    prompts: int


def summarise(cells: Sequence[Cell]) -> list[Row]:
    """Return a row for each metric and variant that has it, in the order of the cells."""
    rows = []
    for metric in dict.fromkeys(metric for cell in cells for metric in cell.figures):
        base = _matrix(cells, "staged", metric)
        having = (cell.variant for cell in cells if metric in cell.figures)
        for variant in dict.fromkeys(having):
            own = _matrix(cells, variant, metric)
            low, high = crossed_interval(own - base)
            gap = float((own - base).mean())
            rows.append(Row(metric, variant, float(own.mean()), gap, low, high, *own.shape))
    return rows


def _matrix(cells: Sequence[Cell], variant: str, metric: str) -> Floats:
    """Return [seeds, prompts] of a metric."""
    of_variant = sorted((cell for cell in cells if cell.variant == variant), key=lambda c: c.seed)
    prompts = sorted(of_variant[0].figures[metric])
    return np.array([[cell.figures[metric][p] for p in prompts] for cell in of_variant])


def crossed_interval(differences: Floats, seed: int = 0) -> tuple[float, float]:
    """Return the 95% interval of a mean over seeds and prompts, both resampled.

    The pigeonhole bootstrap (Owen 2007, Ann. Appl. Stat. 1(2), §3): rows and columns are drawn with
    replacement, independently, so that neither a lucky seed nor an easy prompt counts as many.

    Args:
        differences: [seeds, prompts].
        seed: of the resampling.
    """
    rng = np.random.default_rng(seed)
    n_rows, n_columns = differences.shape
    means = []
    for _ in range(REPLICATES):
        rows = rng.integers(n_rows, size=n_rows)
        columns = rng.integers(n_columns, size=n_columns)
        means.append(differences[np.ix_(rows, columns)].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def table(rows: Sequence[Row]) -> str:
    """Return the figures as one aligned table a metric."""
    parts = []
    for metric in dict.fromkeys(row.metric for row in rows):
        of_metric = [row for row in rows if row.metric == metric]
        lines = [
            [
                row.variant,
                f"{row.mean:.3f}",
                f"{row.difference:+.3f}" if row.variant != "staged" else "",
                f"[{row.low:+.3f}, {row.high:+.3f}]" if row.variant != "staged" else "",
            ]
            for row in of_metric
        ]
        n = f"{of_metric[0].seeds} seeds x {of_metric[0].prompts} prompts"
        parts.append(aligned([f"{metric} ({n})", "mean", "minus staged", "95% interval"], lines))
    return "\n\n".join(parts)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw each variant's difference from staged, a panel a metric."""
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(row.metric for row in rows))
    figure = Figure(figsize=(3.2 * len(metrics), 4.2), layout="constrained")
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        controls = [row for row in rows if row.metric == metric and row.variant != "staged"][::-1]
        places = range(len(controls))
        spread = [
            [row.difference - row.low for row in controls],
            [row.high - row.difference for row in controls],
        ]
        panel.errorbar(
            [row.difference for row in controls], places, xerr=spread, fmt="o", capsize=3
        )
        panel.axvline(0.0, color="black", linewidth=0.8)
        panel.set_yticks(list(places), [row.variant for row in controls])
        panel.set_title(f"{metric}, minus staged", fontsize=9)
    figure.savefig(path, dpi=150)
