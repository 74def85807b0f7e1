"""What the commands print of runs, scores, presets and pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from udasa_data.config import Names, Presets
from udasa_data.errors import UserError
from udasa_data.pairing import Confounds, confound_rows, gap_words
from udasa_data.pipeline import BuildResult
from udasa_data.runs import PairView, Summary
from udasa_data.scoring import ScoreResult
from udasa_data.terminal import Screen, print_json, print_table


def show_result(result: BuildResult, *, as_json: bool) -> None:
    """Print what a build or a merge came to: tables, or one JSON object.

    Raises:
        UserError: it came to no pairs.
    """
    if as_json:
        print_json(result_facts(result))
    else:
        summary_tables(result)
    if result.summary.no_pairs:
        raise UserError(result.summary.no_pairs)


def result_facts(result: BuildResult) -> dict[str, Any]:
    """Return what a build came to, as its JSON object has it."""
    places = {"out": str(result.out), "dataset": str(result.folder)}
    return {**places, "reused": result.reused, **msgspec.to_builtins(result.summary)}


def summary_tables(result: BuildResult) -> None:
    """Print what a build came to, and the Python line that loads it."""
    console = Screen()
    summary = result.summary
    if result.reused:
        console.print(f"Nothing to do: {result.out} holds this build already.")
    _print_counts(summary)
    _print_stages(summary)
    _print_review(summary)
    _print_confounds(summary.confounds)
    _print_steps(summary)
    for note in summary.notes:
        console.print(Text(f"note: {note}"))
    console.print(Text(f"dataset: {result.folder}"))
    if result.loads:
        config, split = result.loads
        load = f'datasets.load_dataset("{result.folder}", "{config}", split="{split}")'
        console.print(Text(load), soft_wrap=True)
    console.print(Text(f"page: udasa-data report {result.out}"), soft_wrap=True)


def score_tables(result: ScoreResult) -> None:
    """Print what scoring a file came to, and where the scores are."""
    console = Screen()
    summary = result.summary
    if result.reused:
        console.print(f"Nothing to do: {result.out} holds these scores already.")
    rows = [("rows", f"{summary.rows:,}", ""), ("prompts", f"{summary.prompts:,}", "")]
    rows += _left_out(summary.set_aside)
    print_table(("", "count", ""), rows, right={1})
    shares = [
        (
            name,
            f"{d.finite:,}",
            f"{_share(d.finite, d.applies_to)} of {d.applies_to:,}",
            _figure(d.mean),
        )
        for name, d in summary.dimensions.items()
    ]
    print_table(("dimension", "scored", "", "mean u"), shares, right={1, 3})
    _print_confounds(summary.confounds)
    for note in summary.notes:
        console.print(Text(f"note: {note}"))
    console.print(Text(f"scores: {result.out}"))
    console.print(Text(f"calibration: {result.calibration}"))


def models_table(presets: Presets, names: Names) -> None:
    """Print the presets and the scorer sets, and what of their models could not be checked."""
    rows = [(name, preset.policy.id, preset.about) for name, preset in presets.models.items()]
    print_table(("name", "policy", "about"), rows)
    scorers = [
        (name, role, ref.id)
        for name, chosen in presets.scorers.items()
        for role, refs in (
            ("nli", (chosen.nli,)),
            ("value", chosen.value),
            ("sentiment", (chosen.sentiment,)),
            ("prompt harm", (chosen.prompt_harm,) if chosen.prompt_harm else ()),
            ("refusal", (chosen.refusal,) if chosen.refusal else ()),
        )
        for ref in refs
    ]
    print_table(("scorers", "as", "model"), scorers)
    looked_up = [
        (name, found.licence + (", gated" if found.gated else ""), str(found.date), found.unseen)
        for name, found in names.models.items()
    ]
    print_table(("on the Hub", "licence", "looked up", "not seen"), looked_up)


def show_pairs(pairs: Iterable[PairView]) -> None:
    """Print pairs, chosen beside rejected."""
    console = Screen()
    for pair in pairs:
        gap = gap_words(pair.delta_u, pair.se_delta)
        title = f"{pair.stage} · P {pair.p_chosen_better:.3f} · {gap} · {pair.axis}"
        sides = _sides(console, pair)
        figures = Table(box=None, pad_edge=False, padding=(0, 2))
        for head in ("", "uncertainty", "semantic", "factual", "value"):
            figures.add_column(head, justify="left" if not head else "right", style="dim")
        for name, side in (("chosen", pair.u_chosen), ("rejected", pair.u_rejected)):
            figures.add_row(name, *(f"{u:.3f}" for u in side))
        body = Group(Text(pair.prompt, style="bold"), Text(), sides, Text(), figures)
        console.print(_framed(console, title, body))


def _sides(console: Console, pair: PairView) -> RenderableType:
    """Return chosen beside rejected; below each other where there is no terminal's width."""
    chosen, rejected = Text("chosen", style="bold green"), Text("rejected", style="bold red")
    if not console.is_terminal:
        parts = [chosen, Text(pair.chosen), Text(), rejected, Text(pair.rejected)]
        return Group(*parts)
    sides = Table.grid(padding=(0, 2), expand=True)
    for _ in range(2):
        sides.add_column(ratio=1)
    sides.add_row(chosen, rejected)
    sides.add_row(Text(pair.chosen), Text(pair.rejected))
    return sides


def _framed(console: Console, title: str, body: RenderableType) -> RenderableType:
    if console.is_terminal:
        return Panel(body, title=Text(title), title_align="left")
    return Group(Text(f"--- {title}"), body, Text())


def _print_counts(summary: Summary) -> None:
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
    print_table(("", "count", ""), rows, right={1})


def _left_out(dropped: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, str]]:
    return [
        (f"left out: {what}", f"{n:,}", why.replace("_", " "))
        for what, reasons in dropped.items()
        for why, n in sorted(reasons.items(), key=lambda item: -item[1])
    ]


def _print_stages(summary: Summary) -> None:
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
    print_table(("stage", "pairs", "mean Δu", "from", "to"), rows, right={1, 2, 3, 4})


def _print_review(summary: Summary) -> None:
    if summary.review is None:
        return
    header = ("reviewed: stage before", "decided", "people agree", "expected", "taken out")
    print_table(header, summary.review.rows, right={1, 2, 3, 4})
    if summary.review.not_found:
        n = f"{summary.review.not_found:,} reviews"
        Screen().print(Text(f"note: {n} are of pairs that this build does not have"))


def _print_confounds(confounds: Confounds) -> None:
    print_table(("confounds", ""), confound_rows(confounds), right={1})


def _print_steps(summary: Summary) -> None:
    rows = []
    for name, cost in summary.steps.items():
        rate = f"{cost.tokens / cost.seconds:,.0f}" if cost.tokens and cost.seconds else ""
        tokens = f"{cost.tokens:,}" if cost.tokens else ""
        rows.append((name, f"{cost.seconds:,.1f}", tokens, rate))
    total = sum(cost.seconds for cost in summary.steps.values())
    rows.append(("all", f"{total:,.1f}", "", ""))
    print_table(("step", "seconds", "tokens", "tokens/s"), rows, right={1, 2, 3})


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
