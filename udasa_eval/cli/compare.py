"""`udasa-eval compare`: runs, or files of scores, on the prompts that both were scored on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from udasa_data.errors import UserError

if TYPE_CHECKING:
    from udasa_eval.results import MetricComparison, RunComparison


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Results folders, each held against the first; or two .jsonl files."),
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
        bool, typer.Option("--anyway", help="Compare runs that were not made alike, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
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

    found = compare_runs(runs, seed=seed, examples=examples, anyway=anyway)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(found).decode())
        return
    _print(found)


def _print(found: RunComparison) -> None:
    from udasa_data.terminal import print_table

    columns = "task|metric|a|b|a − b|95% interval|p (Holm)|better|win/tie/loss|n|detectable"
    pairs = dict.fromkeys((one.a, one.b) for one in found.metrics)
    for a, b in pairs:
        typer.echo(f"a: {a} ({found.runs[a]})\nb: {b} ({found.runs[b]})")
        rows = [_row(one) for one in found.metrics if (one.a, one.b) == (a, b)]
        print_table(columns.split("|"), rows, right={2, 3, 4, 6, 8, 9, 10})
    for one in found.metrics:
        for prompt in one.differ_most if one.headline else ():
            typer.echo(
                f"{one.task} {one.metric}, differs most: {prompt.value_a:g} against "
                f"{prompt.value_b:g} on {_line(prompt.prompt) or prompt.prompt_hash}"
            )
            for side, text in (("a", prompt.answer_a), ("b", prompt.answer_b)):
                if text is not None:
                    typer.echo(f"  {side}: {_line(text)}")
    for note in found.notes:
        typer.echo(f"note: {note}")


def _row(one: MetricComparison) -> tuple[str, ...]:
    metric = f"{one.metric} {'↑' if one.direction == 'higher' else '↓'}"
    interval = "–" if one.low is None or one.high is None else f"[{one.low:+.3f}, {one.high:+.3f}]"
    left_out = [
        f"{count} {what}"
        for count, what in ((one.unscored, "unscored"), (one.only_in_one, "in one only"))
        if count
    ]
    return (
        one.task,
        metric,
        _figure(one.value_a),
        _figure(one.value_b),
        _figure(one.difference, "+.3f"),
        interval,
        _figure(one.p_holm, ".4f"),
        {one.a: "a", one.b: "b"}.get(one.better or "", "–"),
        f"{one.wins}/{one.ties}/{one.losses}",
        ", ".join([str(one.n), *left_out]),
        _figure(one.detectable),
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
    d = result.difference
    left_out = len(set(left) ^ set(right))
    if as_json:
        import msgspec

        facts = result._asdict() | {"difference": d._asdict(), "only_in_one": left_out}
        typer.echo(msgspec.json.encode(facts).decode())
        return
    typer.echo(f"difference  {d.mean:+.4f}  [{d.low:+.4f}, {d.high:+.4f}]  n = {d.n}")
    typer.echo(f"p           {result.p_value:.4f}  ({result.test})")
    typer.echo(f"a wins      {result.wins}, loses {result.losses}, ties {result.ties}")
    typer.echo(f"detectable  {result.detectable:.4f}")
    typer.echo(f"left out    {left_out} in one file only, {d.unscored} unscored")


def _read(path: Path, key: str, score: str) -> dict[str, float]:
    found: dict[str, float] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__})") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            value = row[score]
            found[str(row[key])] = float("nan") if value is None else float(value)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, line {number}: needs '{key}' and a number '{score}'"
            ) from error
    return found
