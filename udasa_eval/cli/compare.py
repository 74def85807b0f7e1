"""`udasa-eval compare`: runs, or files of scores, on the prompts that both were scored on."""

from __future__ import annotations

import math
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
        typer.Argument(help="Results folders, each compared with the first; or two .jsonl files."),
    ],
    key: Annotated[str, typer.Option(help="JSON Lines: field that names the item.")] = "id",
    score: Annotated[
        str, typer.Option(help="JSON Lines: field that holds the score; null is unscored.")
    ] = "score",
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    examples: Annotated[
        int, typer.Option(min=0, max=100, help="Prompts that differ most, a headline metric.")
    ] = 1,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare runs whose settings differ, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare runs, paired by prompt: difference, interval, p-value, wins, ties, losses."""
    if len(runs) < 2:
        raise UserError("two or more results folders are needed, or two .jsonl files")
    if runs[0].is_file():
        if len(runs) > 2:
            raise UserError("files of scores are compared two at a time")
        _compare_files(runs[0], runs[1], key, score, seed, as_json=as_json)
        return
    from udasa_eval.results import compare_runs

    comparison = compare_runs(runs, seed=seed, examples=examples, anyway=anyway)
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


def _compare_files(a: Path, b: Path, key: str, score: str, seed: int, *, as_json: bool) -> None:
    import numpy as np

    from udasa_eval.stats import compare as compare_scores

    left, right = _read(a, key, score), _read(b, key, score)
    shared = sorted(set(left) & set(right))
    if not shared:
        raise UserError(f"{a} and {b} have no '{key}' in common")
    try:
        result = compare_scores(
            np.array([left[item] for item in shared]),
            np.array([right[item] for item in shared]),
            seed=seed,
        )
    except ValueError as error:
        raise UserError(f"{a} and {b}: {error}") from error
    difference = result.difference
    left_out = len(set(left) ^ set(right))
    if as_json:
        print_json(result._asdict() | {"difference": difference._asdict(), "only_in_one": left_out})
        return
    interval = f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    echo(f"difference  {difference.mean:+.4f}  {interval}  n = {difference.n}")
    echo(f"p           {result.p_value:.4f}  ({result.test})")
    echo(f"a wins      {result.wins}, loses {result.losses}, ties {result.ties}")
    echo(f"detectable  {result.detectable:.4f}")
    echo(f"left out    {left_out} in one file only, {difference.unscored} unscored")


def _read(path: Path, key: str, score: str) -> dict[str, float]:
    from udasa_data.config import read_bytes
    from udasa_data.prompts import decoded, lines_of
    from udasa_data.storage import parse_row

    scores: dict[str, float] = {}
    try:
        lines = lines_of(decoded(path, read_bytes(path)))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            row = parse_row(line)
            name, value = _scalar(row[key]), row[score]
            scores[str(name)] = float("nan") if value is None else _number(value)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise UserError(
                f"{path}, line {number}: needs '{key}' and a number '{score}'"
            ) from error
    return scores


def _scalar(value: object) -> object:
    if isinstance(value, dict | list):
        raise TypeError("no name of an item")
    return value


def _number(value: object) -> float:
    number = float(value) if isinstance(value, int | float) else math.inf
    if math.isinf(number):  # 1e999, too; NaN is unscored
        raise ValueError("no finite number")
    return number
