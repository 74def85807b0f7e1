"""`udasa-eval run`: evaluate a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_eval.cli.options import DataDir, Engine, Judges, Limit, ResultsJson, Seed, Suite, Tasks


def run(
    model: Annotated[str, typer.Option(help="Preset, Hub id or local folder.")],
    suite: Annotated[Suite, typer.Option(help="Which tasks.")] = "quick",
    axes: Annotated[
        str | None,
        typer.Option(help="Only these, with commas: harmlessness, helpfulness, … [all four]"),
    ] = None,
    tasks: Tasks = None,
    limit: Limit = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The results folder. [runs/eval-MODEL-SUITE]", file_okay=False),
    ] = None,
    data_dir: DataDir = None,
    judges: Judges = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Results folder, or AlpacaEval generator, that win rates are against."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Model that KL and perplexity are measured against.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="What draws the answers.")] = "auto",
    config: Annotated[
        Path | None,
        typer.Option(help="A YAML file as for udasa-data build: what the engine needs."),
    ] = None,
    seed: Seed = 0,
    as_json: ResultsJson = False,
) -> None:
    """Evaluate a model on four axes. Killed? The same command resumes it."""
    from udasa_data.terminal import Bars
    from udasa_eval.cli.tables import show_results
    from udasa_eval.running import RunOptions, axes_of, tasks_of
    from udasa_eval.running import run as evaluate

    options = RunOptions(
        model=model,
        suite=suite,
        axes=axes_of(axes),
        tasks=tasks_of(tasks),
        limit=limit,
        engine=engine,
        config=None if config is None else str(config),
        judges=judges,
        baseline=baseline,
        reference=reference,
        data_dir=None if data_dir is None else str(data_dir),
        seed=seed,
    )
    folder = out or default_folder(model, suite)
    with Bars("documents") as bars:
        results = evaluate(options, folder, bars, bars.say)
    show_results(results, folder, as_json=as_json)


def default_folder(model: str, suite: Suite) -> Path:
    """Return the results folder of a run that was given none."""
    name = model.strip("./~").replace("/", "-")
    return Path("runs") / f"eval-{name}-{suite}"
