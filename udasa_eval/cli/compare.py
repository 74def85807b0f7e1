"""`udasa-eval compare`: runs, or files of scores, on the prompts that both were scored on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from udasa_data.errors import UserError
from udasa_data.terminal import echo, print_json
from udasa_eval.cli.options import Json

if TYPE_CHECKING:
    from udasa_eval.results import MetricComparison, RunComparison


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Results folders, each compared with the first; or logs of lm-eval "
            "(--log_samples) or inspect-ai; or two .jsonl files of scores."
        ),
    ],
    key: Annotated[str, typer.Option(help="JSON Lines: field that names the item.")] = "id",
    score: Annotated[
        str, typer.Option(help="JSON Lines: field that holds the score; null is unscored.")
    ] = "score",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    examples: Annotated[
        int,
        typer.Option(
            min=0,
            max=100,
            help="How many prompts that differ most are shown, for each headline metric.",
        ),
    ] = 1,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare runs whose settings differ, too.")
    ] = False,
    lower: Annotated[
        list[str] | None,
        typer.Option(help="Logs: a metric of which lower is better, where they do not say it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare runs, paired by prompt.

    Difference, interval, p-value, wins, ties, losses.
    """
    if len(runs) < 2:
        raise UserError("two or more results folders are needed, or two .jsonl files")
    from udasa_eval.logs import compare_logs, is_log

    if all(map(is_log, runs)):
        logged = compare_logs(
            runs, seed=seed, examples=examples, anyway=anyway, lower=frozenset(lower or ())
        )
        _show(logged, as_json=as_json)
        return
    if runs[0].is_file():
        if len(runs) > 2:
            raise UserError("files of scores are compared two at a time")
        from udasa_eval.cli.score_files import compare_files

        compare_files(runs[0], runs[1], key, score, seed, as_json=as_json)
        return
    from udasa_eval.results import compare_runs

    comparison = compare_runs(runs, seed=seed, examples=examples, anyway=anyway)
    _show(comparison, as_json=as_json)


def _show(comparison: RunComparison, *, as_json: bool) -> None:
    if as_json:
        print_json(comparison)
    else:
        _print(comparison)


def _print(comparison: RunComparison) -> None:
    from udasa_data.terminal import print_table

    columns = "task|metric|a|b|a − b|interval|level|p (Holm)|better|win/tie/loss|n|detectable"
    pairs = dict.fromkeys((metric.a, metric.b) for metric in comparison.metrics)
    for a, b in pairs:
        echo(f"a: {a} ({comparison.runs[a]})\nb: {b} ({comparison.runs[b]})")
        rows = [_row(metric) for metric in comparison.metrics if (metric.a, metric.b) == (a, b)]
        print_table(columns.split("|"), rows, right={2, 3, 4, 6, 7, 9, 10, 11})
    for metric in comparison.metrics:
        for prompt in metric.differ_most if metric.headline else ():
            echo(
                f"{metric.task} {metric.metric}, differs most: {prompt.value_a:g} against "
                f"{prompt.value_b:g} on {_line(prompt.prompt) or prompt.prompt_hash}"
            )
            for side, text in (("a", prompt.answer_a), ("b", prompt.answer_b)):
                if text is not None:
                    echo(f"  {side}: {_line(text)}")
    for note in comparison.notes:
        echo(f"note: {note}")


def _row(metric: MetricComparison) -> tuple[str, ...]:
    from udasa_eval.results import ARROWS

    low, high = metric.low, metric.high
    interval = "–" if low is None or high is None else f"[{low:+.3f}, {high:+.3f}]"
    left_out = [
        f"{count} {what}"
        for count, what in ((metric.unscored, "unscored"), (metric.only_in_one, "in one only"))
        if count
    ]
    return (
        metric.task,
        f"{metric.metric} {ARROWS[metric.direction]}",
        _figure(metric.value_a),
        _figure(metric.value_b),
        _figure(metric.difference, "+.3f"),
        interval,
        "–" if metric.p is None else f"{100 * metric.level:.4g}%",
        _figure(metric.p_holm, ".4f"),
        {metric.a: "a", metric.b: "b"}.get(metric.better or "", "–"),
        f"{metric.wins}/{metric.ties}/{metric.losses}",
        ", ".join([str(metric.n), *left_out]),
        _figure(metric.detectable),
    )


def _figure(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)


def _line(text: str | None, width: int = 160) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= width else f"{flat[:width]}…"
