"""`udasa-eval score`: score stored generations anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_eval.cli.options import ResultsJson


def score(
    folder: Annotated[Path, typer.Argument(help="A results folder.", file_okay=False)],
    judges: Annotated[
        str | None,
        typer.Option(help="Other sets of judges, or YAML files, with commas. [the run's]"),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Another model to measure KL and perplexity against. [the run's]"),
    ] = None,
    as_json: ResultsJson = False,
) -> None:
    """Score what a run has stored. The evaluated model is neither needed nor loaded."""
    from udasa_data.terminal import Bars
    from udasa_eval.cli.tables import show_results
    from udasa_eval.running import score as score_folder

    with Bars("documents") as bars:
        results = score_folder(
            folder, judges=judges, reference=reference, progress=bars, tell=bars.say
        )
    show_results(results, folder, as_json=as_json)
