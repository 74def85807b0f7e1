"""`udasa-eval samples`: what one run answered, or two side by side, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.errors import UserError
from udasa_data.terminal import echo


def samples(
    runs: Annotated[
        list[Path],
        typer.Argument(help="One or two: results folders, or logs of lm-eval or inspect-ai."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The HTML file.", dir_okay=False)] = Path(
        "samples.html"
    ),
    task: Annotated[
        list[str] | None, typer.Option(help="Only this task. May be given again. [all in common]")
    ] = None,
) -> None:
    """Write a page of the samples of a run, or of two side by side.

    Prompts, answers and scores; with search, filters and sorting.
    """
    from udasa_eval.samples import of_place, write_samples

    if len(runs) > 2:
        raise UserError("one or two runs are shown, side by side")
    shown = [of_place(place) for place in runs]
    if len(shown) == 2 and shown[0].label == shown[1].label:
        shown = [
            run._replace(label=f"{run.label} ({place.name})")
            for run, place in zip(shown, runs, strict=True)
        ]
    write_samples(shown, out, task or ())
    echo(f"page: {out}")
