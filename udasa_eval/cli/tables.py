"""What the commands print at their end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from udasa_data.terminal import Screen, print_json
from udasa_eval.frontier import Frontier
from udasa_eval.results import ARROWS, MetricRecord, Results


def show_results(results: Results, folder: Path, *, as_json: bool) -> None:
    """Print the metrics, what is unscored, and the notes."""
    if as_json:
        print_json(results)
        return
    console = Screen()
    console.print(f"{results.model.id} · {results.suite}", markup=False, highlight=False)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    for column in ("value", "95% interval", "n", "unscored"):
        table.add_column(column, justify="right", no_wrap=True)
    task = None
    for axis in results.axes:
        for metric in (metric for metric in results.metrics if metric.axis == axis):
            if metric.task != task:
                task = metric.task
                table.add_row(f"{axis.value}: {task.removeprefix('udasa_')}")
            table.add_row(*_cells(metric), style="bold" if metric.headline else None)
    console.print(table)
    for line in _unscored(results):
        console.print(line, markup=False, highlight=False)
    for note in results.notes:
        console.print(note, markup=False, highlight=False)
    judges = ", ".join(f"{judge.role} {judge.id}" for judge in results.judges)
    console.print(f"judges: {judges or 'none'}", markup=False, highlight=False)
    console.print(f"results: {folder / 'results.json'}", markup=False, highlight=False)


def _unscored(results: Results) -> Iterator[str]:
    """Yield a line for each reason of a task, metrics that lack the same together, and examples."""
    alike: dict[tuple[str, str, int, tuple[str, ...]], list[str]] = {}
    for unscored in results.unscored:
        key = (unscored.task, unscored.why, unscored.count, unscored.examples)
        alike.setdefault(key, []).append(unscored.metric)
    for (task, why, count, examples), metrics in alike.items():
        yield f"{task}: {count:,} unscored in {', '.join(metrics)} ({why}), for example"
        yield from (f"    {' '.join(example.split())}" for example in examples)


def show_frontier(frontier: Frontier, out: Path) -> None:
    """Print the checkpoints by their KL."""
    console = Screen()
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("checkpoint")
    for column in ("KL, nats", "95% interval", "P(positive)", "95% interval"):
        table.add_column(column, justify="right", no_wrap=True)
    for point in frontier.points:
        cells = [
            cell
            for estimate in (point.kl, point.positive)
            for cell in (f"{estimate.value:.3f}", _interval(estimate.low, estimate.high))
        ]
        table.add_row(point.results, *cells)
    console.print(table)
    console.print(f"frontier: {out / 'frontier.svg'}", markup=False, highlight=False)


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3f} … {high:.3f}"


def _cells(metric: MetricRecord) -> list[str]:
    return [
        f"  {ARROWS[metric.direction]} {metric.name}",
        "–" if metric.value is None else f"{metric.value:.3f}",
        _interval(metric.low, metric.high),
        f"{metric.n:,}",
        f"{metric.unscored:,}" if metric.unscored else "",
    ]
