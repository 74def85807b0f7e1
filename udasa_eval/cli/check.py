"""`udasa-eval check`: all that an evaluation will need, looked at before it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.terminal import echo, print_json
from udasa_eval.cli.options import DataDir, Engine, Json, Judges, Limit, Suite, Tasks


def check(
    model: Annotated[str, typer.Option(help="Preset, Hub id or local folder.")],
    suite: Annotated[Suite, typer.Option(help="Which tasks.")] = "quick",
    axes: Annotated[
        str | None,
        typer.Option(help="Only these, with commas: harmlessness, helpfulness, … [all four]"),
    ] = None,
    tasks: Tasks = None,
    limit: Limit = None,
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
    as_json: Json = False,
) -> None:
    """Check all that a run needs: models, judges, datasets, memory, disk. Fetches no weights."""
    from udasa_data.preflight import lines_of
    from udasa_eval.running import RunOptions, axes_of, tasks_of
    from udasa_eval.running import check as look_at

    report = look_at(
        RunOptions(
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
        )
    )
    if as_json:
        print_json(report.facts)
    else:
        echo("\n".join(lines_of(report)))
    report.require()
