"""Reward against KL: how far each checkpoint moved from the reference, and what it gained.

The frontier of Rafailov et al. 2023 (arXiv 2305.18290, §6.1, Fig. 2) for controlled sentiment:
x is the sequence-level KL to the reference, E_{y~π} [ln π(y|x) − ln π_ref(y|x)], in nats; y the
mean P(positive). Bands are 95% intervals over prompts of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from udasa_data.config import Strict
from udasa_data.errors import UserError
from udasa_data.progress import Progress
from udasa_data.schema import Axis
from udasa_data.storage import write_atomically
from udasa_eval.results import MetricRecord, Pinned, Results
from udasa_eval.running import RunOptions, run

FILE: Final = "frontier.json"
FIGURE: Final = "frontier.svg"


class Estimate(Strict, frozen=True):
    """A mean with its 95% interval; null ends where one prompt tells nothing of its spread."""

    value: float
    low: float | None
    high: float | None


class Point(Strict, frozen=True):
    """A checkpoint on the frontier."""

    model: Pinned
    results: str  # its results folder
    kl: Estimate
    positive: Estimate
    log_perplexity: Estimate
    distinct_2: Estimate


class Frontier(Strict, frozen=True):
    """The checkpoints, by their KL."""

    reference: str
    suite: str
    task: str
    points: tuple[Point, ...]


def frontier(
    options: RunOptions,
    models: Sequence[str],
    out: Path,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Frontier:
    """Evaluate checkpoints on the sentiment axis, and put them on one frontier.

    Each has a results folder of its own under ``out``; killed, the same call goes on.

    Args:
        options: of every run; its model is replaced, its axis is sentiment.
        models: the checkpoints, at least one.
        out: folder of the runs, of ``frontier.json`` and of the figure.
        progress: told how the long steps go.
        tell: told what a user should know.

    Raises:
        UserError: no reference, a server as engine (it gives no log-probabilities of texts), or
            whatever a run raises.
    """
    names = _names(models)
    points = []
    task, reference = "", ""
    for model, name in zip(models, names, strict=True):
        one = msgspec.structs.replace(options, model=model, axes=(Axis.SENTIMENT,))
        if one.reference is None and one.suite != "tiny":
            raise UserError("a frontier needs a reference policy: give --reference MODEL")
        results = run(one, out / name, progress, tell)
        points.append(_point(results, name))
        task = results.tasks[0].name
        reference = options.reference or "tiny"
    points.sort(key=lambda point: point.kl.value)
    found = Frontier(reference=reference, suite=options.suite, task=task, points=tuple(points))
    text = msgspec.json.format(msgspec.json.encode(found), indent=2)
    write_atomically(out / FILE, lambda path: _write(path, text))
    write_atomically(out / FIGURE, lambda path: _draw(found, path))
    return found


def _names(models: Sequence[str]) -> list[str]:
    """Return a folder name for each checkpoint, all different."""
    names: list[str] = []
    for model in models:
        parts = [part for part in model.split("/") if part not in {"", ".", "..", "~"}]
        name = next(
            n
            for depth in range(1, len(parts) + 2)
            if (n := "-".join(parts[-depth:]) + ("" if depth <= len(parts) else f"-{len(names)}"))
            not in names
        )
        names.append(name)
    return names


def _point(results: Results, name: str) -> Point:
    known = {metric.name: metric for metric in results.metrics}
    if "kl" not in known:
        raise UserError(f"{results.model.id}: no KL, since a served model's weights are not here")
    return Point(
        model=results.model,
        results=name,
        kl=_estimate(known["kl"], name),
        positive=_estimate(known["positive"], name),
        log_perplexity=_estimate(known["log_perplexity"], name),
        distinct_2=_estimate(known["distinct_2"], name),
    )


def _estimate(metric: MetricRecord, name: str) -> Estimate:
    if metric.value is None:
        raise UserError(f"{name}: no document of {metric.task} has a score for {metric.name}")
    return Estimate(value=metric.value, low=metric.low, high=metric.high)


def _draw(found: Frontier, path: Path) -> None:
    """Draw the frontier as SVG; the same points give the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "udasa", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot()
        x = [point.kl.value for point in found.points]
        y = [point.positive.value for point in found.points]
        axes.plot(x, y, color="#888888", linewidth=1, zorder=1)
        axes.errorbar(
            x,
            y,
            xerr=_bars([point.kl for point in found.points]),
            yerr=_bars([point.positive for point in found.points]),
            fmt="o",
            capsize=3,
            color="#1f6f8b",
        )
        for point in found.points:
            at = (point.kl.value, point.positive.value)
            axes.annotate(point.results, at, textcoords="offset points", xytext=(6, 6))
        axes.set_xlabel("KL to the reference, nats a sequence")
        axes.set_ylabel("P(positive)")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _bars(estimates: Sequence[Estimate]) -> list[list[float]]:
    """Return matplotlib's lengths below and above; 0 where there is no interval."""
    below = [one.value - (one.value if one.low is None else one.low) for one in estimates]
    above = [(one.value if one.high is None else one.high) - one.value for one in estimates]
    return [[max(b, 0.0) for b in below], [max(a, 0.0) for a in above]]


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content + b"\n")
