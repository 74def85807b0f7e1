"""What a terminal shows: short aligned tables, plain when it is no terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from udasa_data.config import Presets
from udasa_data.pairing import Confounds, told
from udasa_data.pipeline import BuildResult
from udasa_data.runs import PairView, Summary
from udasa_data.scoring import ScoreResult


def show_result(result: BuildResult, *, as_json: bool) -> None:
    """Print what a build or a merge came to: tables, or one JSON object."""
    if as_json:
        sys.stdout.write(json.dumps(result_facts(result)) + "\n")
    else:
        summary_tables(result)


def result_facts(result: BuildResult) -> dict[str, Any]:
    """Return what a build came to, as its JSON object has it."""
    places = {"out": str(result.out), "dataset": str(result.dataset)}
    return {**places, "reused": result.reused, **msgspec.to_builtins(result.summary)}


def summary_tables(result: BuildResult) -> None:
    """Print what a build came to, and the Python line that loads it."""
    console = Console()
    summary = result.summary
    if result.reused:
        console.print(f"Nothing to do: {result.out} holds this build already.")
    tables = (_counts(summary), _stages(summary), _confounds(summary.confounds), _steps(summary))
    for table in tables:
        console.print(table)
    for note in summary.notes:
        console.print(Text(f"note: {note}"))
    console.print(Text(f"dataset: {result.dataset}"))
    load = f'datasets.load_dataset("{result.dataset}", "conservative", split="train")'
    console.print(Text(load), soft_wrap=True)
    console.print(Text(f"page: udasa-data report {result.out}"), soft_wrap=True)


def score_tables(result: ScoreResult) -> None:
    """Print what scoring a file came to, and where the scores are."""
    console = Console()
    summary = result.summary
    if result.reused:
        console.print(f"Nothing to do: {result.out} holds these scores already.")
    rows = [("rows", f"{summary.rows:,}", ""), ("prompts", f"{summary.prompts:,}", "")]
    rows += _left_out(summary.set_aside)
    console.print(_table(("", "count", ""), rows, right={1}))
    shares = [
        (
            name,
            f"{d.finite:,}",
            f"{_share(d.finite, d.applies_to)} of {d.applies_to:,}",
            _figure(d.mean),
        )
        for name, d in summary.dimensions.items()
    ]
    console.print(_table(("dimension", "scored", "", "mean u"), shares, right={1, 3}))
    console.print(_confounds(summary.confounds))
    for note in summary.notes:
        console.print(Text(f"note: {note}"))
    console.print(Text(f"scores: {result.out}"))
    console.print(Text(f"calibration: {result.calibration}"))


def models_table(presets: Presets) -> None:
    """Print the model presets."""
    rows = [(name, preset.policy.id, preset.about) for name, preset in presets.models.items()]
    Console().print(_table(("name", "policy", "about"), rows))


def show_pairs(pairs: Iterable[PairView]) -> None:
    """Print pairs, chosen beside rejected."""
    console = Console()
    for pair in pairs:
        title = f"{pair.stage} · Δu {pair.delta_u:.3f} ± {pair.se_delta:.3f} · {pair.axis}"
        sides = Table.grid(padding=(0, 2), expand=True)
        for _ in range(2):
            sides.add_column(ratio=1)
        sides.add_row(Text("chosen", style="bold green"), Text("rejected", style="bold red"))
        sides.add_row(Text(pair.chosen), Text(pair.rejected))
        figures = Table(box=None, pad_edge=False, padding=(0, 2))
        for head in ("", "uncertainty", "semantic", "factual", "value"):
            figures.add_column(head, justify="left" if not head else "right", style="dim")
        for name, side in (("chosen", pair.u_chosen), ("rejected", pair.u_rejected)):
            figures.add_row(name, *(f"{u:.3f}" for u in side))
        body = Group(Text(pair.prompt, style="bold"), Text(), sides, Text(), figures)
        console.print(_framed(console, title, body))


def _framed(console: Console, title: str, body: RenderableType) -> RenderableType:
    if console.is_terminal:
        return Panel(body, title=Text(title), title_align="left")
    return Group(Text(f"--- {title}"), body, Text())


def _counts(summary: Summary) -> Table:
    counts = summary.counts
    rows = [
        ("prompts", f"{counts.prompts:,}", ""),
        ("samples", f"{counts.samples:,}", ""),
        ("pairs", f"{counts.pairs:,}", f"{_share(counts.pairs, counts.prompts)} of the prompts"),
    ]
    rows += _left_out(counts.dropped)
    rows += [
        (
            f"scored: {name}",
            f"{d.finite:,}",
            f"{_share(d.finite, d.applies_to)} of {d.applies_to:,}",
        )
        for name, d in counts.dimensions.items()
    ]
    return _table(("", "count", ""), rows, right={1})


def _left_out(dropped: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, str]]:
    return [
        (f"left out: {what}", f"{n:,}", why.replace("_", " "))
        for what, reasons in dropped.items()
        for why, n in sorted(reasons.items(), key=lambda item: -item[1])
    ]


def _stages(summary: Summary) -> Table:
    rows = [
        (
            name,
            f"{s.pairs:,}",
            _figure(s.mean_delta_u),
            _figure(s.min_delta_u),
            _figure(s.max_delta_u),
        )
        for name, s in summary.counts.stages.items()
    ]
    return _table(("stage", "pairs", "mean Δu", "from", "to"), rows, right={1, 2, 3, 4})


def _confounds(confounds: Confounds) -> Table:
    return _table(("confounds", ""), told(confounds), right={1})


def _steps(summary: Summary) -> Table:
    rows = []
    for name, cost in summary.steps.items():
        rate = f"{cost.tokens / cost.seconds:,.0f}" if cost.tokens and cost.seconds else ""
        tokens = f"{cost.tokens:,}" if cost.tokens else ""
        rows.append((name, f"{cost.seconds:,.1f}", tokens, rate))
    total = sum(cost.seconds for cost in summary.steps.values())
    rows.append(("all", f"{total:,.1f}", "", ""))
    return _table(("step", "seconds", "tokens", "tokens/s"), rows, right={1, 2, 3})


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(
    header: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
    right: frozenset[int] | set[int] = frozenset(),
) -> Table:
    """Return a short aligned table; ``right`` are the columns of figures."""
    plain = not Console().is_terminal
    table = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(header):
        table.add_column(head, justify="right" if number in right else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


plain_table = _table  # for the tables of other modules
