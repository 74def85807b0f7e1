"""What the commands print: bars while they run, a table at the end."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from udasa_eval.frontier import Frontier
from udasa_eval.results import MetricRecord, Results


class Bars:
    """Draws one bar a step on standard error, when that is a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:28}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._started = 0.0
        self._done = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False)

    def tell(self, words: str) -> None:
        """Show a few words beside the bar."""
        if self._task is not None:
            self._progress.update(self._task, rate=words)

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a bar."""
        self._task = self._progress.add_task(step, total=total, completed=done, rate="")
        self._started, self._done = time.monotonic(), 0.0

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Move the bar."""
        if self._task is None:
            return
        self._done += prompts
        seconds = max(time.monotonic() - self._started, 1e-9)
        rate = f"{self._done / seconds:.1f}/s" + (f" {tokens:,} tok" if tokens else "")
        self._progress.update(self._task, advance=prompts, rate=rate)

    def finish(self) -> None:
        """Fill the bar."""
        if self._task is not None:
            task = self._progress.tasks[self._progress.task_ids.index(self._task)]
            self._progress.update(self._task, completed=task.total)


def show_results(results: Results, folder: Path, *, as_json: bool) -> None:
    """Print the metrics, what is unscored, and the notes."""
    if as_json:
        typer.echo(msgspec.json.encode(results).decode())
        return
    console = Console()
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
    for one in results.unscored:
        console.print(
            f"{one.task}, {one.metric}: {one.count} unscored ({one.why})",
            markup=False,
            highlight=False,
        )
        for example in one.examples:
            console.print(f"    {example}", markup=False, highlight=False)
    for note in results.notes:
        console.print(note, markup=False, highlight=False)
    judges = ", ".join(f"{judge.role} {judge.id}" for judge in results.judges)
    console.print(f"judges: {judges or 'none'}", markup=False, highlight=False)
    console.print(f"results: {folder / 'results.json'}", markup=False, highlight=False)


def show_frontier(found: Frontier, out: Path) -> None:
    """Print the checkpoints by their KL."""
    console = Console()
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("checkpoint")
    for column in ("KL, nats", "95% interval", "P(positive)", "95% interval"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in found.points:
        cells = [
            cell
            for estimate in (one.kl, one.positive)
            for cell in (f"{estimate.value:.3f}", _interval(estimate.low, estimate.high))
        ]
        table.add_row(one.results, *cells)
    console.print(table)
    console.print(f"frontier: {out / 'frontier.svg'}", markup=False, highlight=False)


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3f} … {high:.3f}"


def _cells(metric: MetricRecord) -> list[str]:
    arrow = "↑" if metric.direction == "higher" else "↓"
    return [
        f"  {arrow} {metric.name}",
        "–" if metric.value is None else f"{metric.value:.3f}",
        _interval(metric.low, metric.high),
        f"{metric.n:,}",
        f"{metric.unscored:,}" if metric.unscored else "",
    ]
