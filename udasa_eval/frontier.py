"""Reward against KL: how far each checkpoint moved from the reference, and what it gained.

The frontier of Rafailov et al. 2023 (arXiv 2305.18290, §6.1, Fig. 2) for controlled sentiment:
x is the sequence-level KL to the reference, E_{y~π} [ln π(y|x) − ln π_ref(y|x)], in nats; y the
mean P(positive). Bands are 95% intervals over prompts of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from udasa_data.config import Strict
from udasa_data.errors import UserError
from udasa_data.progress import Progress
from udasa_data.runs import Run
from udasa_data.schema import Axis
from udasa_data.storage import write_atomically, write_text
from udasa_eval.results import EVALUATION, FRONTIER, MetricRecord, Pinned, Results
from udasa_eval.running import RunOptions, run

FILE: Final = "frontier.json"
FIGURE: Final = "frontier.svg"


class Estimate(Strict, frozen=True):
    """A mean with its 95% interval; null ends for one prompt alone, which has no spread."""

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

    Each has a results folder of its own under ``out``; killed, the same call resumes.

    Args:
        options: of every run; its model is replaced, its axis is sentiment.
        models: the checkpoints, at least one.
        out: folder of the runs, of ``frontier.json`` and of the figure.
        progress: where long steps report how far they are.
        tell: called with each line that a user should know.

    Raises:
        UserError: no reference, a server as engine (it gives no log-probabilities of texts),
            somebody else's files in ``out``, or whatever a run raises.
    """
    if options.reference is None and options.suite != "tiny":
        raise UserError("a frontier needs a reference policy: give --reference MODEL")
    names = _names(models)
    folder = Run(out, FRONTIER)
    folder.claim()
    for name in names:  # before the first is evaluated
        Run(out / name, EVALUATION).claim()
    with folder.locked():
        curve = _evaluate(options, dict(zip(names, models, strict=True)), out, progress, tell)
        text = msgspec.json.format(msgspec.json.encode(curve), indent=2)
        write_text(out / FILE, f"{text.decode()}\n")
        write_atomically(out / FIGURE, lambda path: _draw(curve, path))
    return curve


def _evaluate(
    options: RunOptions,
    models: Mapping[str, str],
    out: Path,
    progress: Progress | None,
    tell: Callable[[str], None],
) -> Frontier:
    """Evaluate models, each by the name of its folder, and return their frontier."""
    points = []
    task, reference = "", ""
    for name, model in models.items():
        sentiment = msgspec.structs.replace(options, model=model, axes=(Axis.SENTIMENT,))
        results = run(sentiment, out / name, progress, tell)
        points.append(_point(results, name))
        task = results.tasks[0].name
        reference = options.reference or "tiny"
    points.sort(key=lambda point: point.kl.value)
    return Frontier(reference=reference, suite=options.suite, task=task, points=tuple(points))


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


def _draw(curve: Frontier, path: Path) -> None:
    """Draw the frontier as SVG; the same points give the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "udasa", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot()
        x = [point.kl.value for point in curve.points]
        y = [point.positive.value for point in curve.points]
        axes.plot(x, y, color="#888888", linewidth=1, zorder=1)
        axes.errorbar(
            x,
            y,
            xerr=_bars([point.kl for point in curve.points]),
            yerr=_bars([point.positive for point in curve.points]),
            fmt="o",
            capsize=3,
            color="#1f6f8b",
        )
        for point in curve.points:
            at = (point.kl.value, point.positive.value)
            axes.annotate(point.results, at, textcoords="offset points", xytext=(6, 6))
        axes.set_xlabel("KL to the reference, nats a sequence")
        axes.set_ylabel("P(positive)")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _bars(estimates: Sequence[Estimate]) -> list[list[float]]:
    """Return matplotlib's lengths below and above; 0 where there is no interval."""
    below = [0.0 if e.low is None else max(e.value - e.low, 0.0) for e in estimates]
    above = [0.0 if e.high is None else max(e.high - e.value, 0.0) for e in estimates]
    return [below, above]
