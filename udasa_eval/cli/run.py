"""`udasa-eval run`: evaluate a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_eval.cli.options import (
    Axes,
    Baseline,
    ConfigFile,
    DataDir,
    EngineOption,
    Judges,
    Limit,
    Model,
    Reference,
    ResultsJson,
    Seed,
    Suite,
    Tasks,
    Thoughts,
    run_options,
)


def run(
    model: Model,
    suite: Suite = "quick",
    axes: Axes = None,
    tasks: Tasks = None,
    limit: Limit = None,
    thoughts: Thoughts = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The results folder. [runs/eval-MODEL-SUITE]", file_okay=False
        ),
    ] = None,
    data_dir: DataDir = None,
    judges: Judges = None,
    baseline: Baseline = None,
    reference: Reference = None,
    engine: EngineOption = "auto",
    config: ConfigFile = None,
    seed: Seed = 0,
    as_json: ResultsJson = False,
) -> None:
    """Evaluate a model on four axes. Killed? The same command resumes it."""
    from udasa_data.terminal import Bars
    from udasa_eval.cli.tables import show_results
    from udasa_eval.running import default_folder
    from udasa_eval.running import run as evaluate

    options = run_options(
        model=model,
        suite=suite,
        axes=axes,
        tasks=tasks,
        limit=limit,
        thoughts=thoughts,
        engine=engine,
        config=config,
        judges=judges,
        baseline=baseline,
        reference=reference,
        data_dir=data_dir,
        seed=seed,
    )
    folder = out or default_folder(model, suite)
    with Bars("documents") as bars:
        results = evaluate(options, folder, bars, bars.say)
    show_results(results, folder, as_json=as_json)
