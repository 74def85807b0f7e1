"""`udasa-eval compare`: two systems on the items both were scored on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from udasa_data.errors import UserError


def compare(
    a: Annotated[Path, typer.Argument(help="JSON Lines with an id and a score a line.")],
    b: Annotated[Path, typer.Argument(help="The same of the other system.")],
    key: Annotated[str, typer.Option(help="Field that names the item.")] = "id",
    score: Annotated[
        str, typer.Option(help="Field that holds the score; null is unscored.")
    ] = "score",
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
) -> None:
    """Compare two systems on the items both were scored on: paired bootstrap."""
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
    typer.echo(f"difference  {d.mean:+.4f}  [{d.low:+.4f}, {d.high:+.4f}]  n = {d.n}")
    typer.echo(f"p           {result.p_value:.4f}")
    typer.echo(f"a wins      {result.wins}, loses {result.losses}, ties {result.ties}")
    left_out = len(set(left) ^ set(right))
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
