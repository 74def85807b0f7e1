"""The rows of an ablation as text and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..staged.report import aligned
from .contrasts import MARGIN, STAGED, Row, is_share

FEW_SEEDS: Final = 5  # below, the intervals say little of other seeds
_HEADER: Final = ("mean", "- staged", "95% interval", "p", "finds")


def table(rows: Sequence[Row]) -> str:
    """Return the figures as one aligned table a metric, and lines that say how to read them."""
    parts = []
    for metric in dict.fromkeys(row.metric for row in rows):
        of_metric = [row for row in rows if row.metric == metric]
        n = f"{_seeds(of_metric)} seeds x {of_metric[0].prompts} prompts"
        header = ["", *_HEADER, *(["equal"] if is_share(metric) else [])]
        shown = aligned(header, [_cells(row) for row in of_metric])
        parts.append(f"{metric}, {n}\n{shown}")
    return "\n\n".join([*parts, _how_to_read(rows)])


def _seeds(rows: Sequence[Row]) -> str:
    fewest, most = min(row.seeds for row in rows), max(row.seeds for row in rows)
    return f"{most}" if fewest == most else f"{fewest} to {most}"


def _cells(row: Row) -> list[str]:
    first = [row.variant, f"{row.mean:.3f}"]
    if row.variant == STAGED:
        return [*first, *[""] * (len(_HEADER) - 1 + is_share(row.metric))]
    found = "–" if row.detectable != row.detectable else f"{row.detectable:.3f}"
    return [
        *first,
        f"{row.difference:+.3f}",
        f"[{row.low:+.3f}, {row.high:+.3f}]",
        f"{row.p:.3f}" if row.p >= 0.001 else "<.001",
        found,
        *([] if row.equal is None else ["yes" if row.equal else "–"]),
    ]


def _how_to_read(rows: Sequence[Row]) -> str:
    lines = [
        "p: of the difference, adjusted for all variants of the metric (Holm)",
        "finds: the true difference that four of five such studies find, before adjustment",
    ]
    if any(row.equal is not None for row in rows):
        lines.append(f"equal: surely within ± {MARGIN:g} of staged (two one-sided tests)")
    if any(row.seeds < FEW_SEEDS for row in rows):
        lines.append(
            f"fewer than {FEW_SEEDS} seeds: intervals and p say how sure the figures of these "
            "trainings are, and little of other seeds"
        )
    return "\n".join(lines)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw each variant's difference from staged, a panel a metric."""
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(row.metric for row in rows))
    figure = Figure(figsize=(3.2 * len(metrics), 4.2), layout="constrained")
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    names = list(dict.fromkeys(row.variant for row in rows if row.variant != STAGED))[::-1]
    for panel, metric in zip(panels, metrics, strict=True):
        controls = [row for row in rows if row.metric == metric and row.variant != STAGED]
        spread = [
            [row.difference - row.low for row in controls],
            [row.high - row.difference for row in controls],
        ]
        places = [names.index(row.variant) for row in controls]
        panel.errorbar(
            [row.difference for row in controls], places, xerr=spread, fmt="o", capsize=3
        )
        panel.axvline(0.0, color="black", linewidth=0.8)
        panel.set_yticks(range(len(names)), names)
        panel.set_title(f"{metric}, minus staged", fontsize=9)
    figure.savefig(path, dpi=150)
