"""Diversity and uncertainty, round by round, as a figure."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from .running import Round


def plot(rounds: list[Round], path: Path) -> None:
    """Draw diversity and uncertainty round by round."""
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = [done.number for done in rounds]
    left.plot(numbers, [done.homogeneous for done in rounds], "o-", label="homogeneous prompts")
    known = [done for done in rounds if done.distinct is not None]
    distinct = [done.distinct for done in known]
    left.plot([done.number for done in known], distinct, "s-", label="distinct meanings")
    for name in rounds[0].uncertainty:
        scored = [done for done in rounds if done.uncertainty[name] is not None]
        means = [done.uncertainty[name] for done in scored]
        right.plot([done.number for done in scored], means, "o-", label=f"u_{name}")
    for panel, title in ((left, "share"), (right, "mean raw uncertainty")):
        panel.set_xticks(numbers)
        panel.set_xlabel("round")
        panel.set_title(title)
        panel.legend()
    figure.savefig(path, dpi=150)
