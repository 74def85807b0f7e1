"""`udasa-eval run`: evaluate a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Engine = Literal["auto", "transformers", "vllm", "openai"]
Suite = Literal["quick", "full", "tiny"]


def run(
    model: Annotated[str, typer.Option(help="Preset, Hub id or local folder.")],
    suite: Annotated[Suite, typer.Option(help="Which tasks.")] = "quick",
    axes: Annotated[
        str | None,
        typer.Option(help="Only these, with commas: harmlessness, helpfulness, … [all four]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The results folder. [runs/eval-MODEL-SUITE]", file_okay=False),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of datasets (see: udasa-eval fetch); none reads the Hub."),
    ] = None,
    judges: Annotated[
        str | None, typer.Option(help="Set of judges.yaml, or a YAML file. [the suite's own]")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Results folder, or AlpacaEval generator, to win against."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Model that KL and perplexity are measured against.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="What draws the answers.")] = "auto",
    config: Annotated[
        Path | None,
        typer.Option(help="A YAML file as for udasa-data build: what the engine needs."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json.")] = False,
) -> None:
    """Evaluate a model on four axes. Killed? The same command goes on where it was."""
    from udasa_data.terminal import Bars
    from udasa_eval.cli.tables import show_results
    from udasa_eval.running import RunOptions, axes_of
    from udasa_eval.running import run as evaluate

    options = RunOptions(
        model=model,
        suite=suite,
        axes=axes_of(axes),
        engine=engine,
        config=None if config is None else str(config),
        judges=judges,
        baseline=baseline,
        reference=reference,
        data_dir=None if data_dir is None else str(data_dir),
        seed=seed,
    )
    name = model.strip("./~").replace("/", "-")
    folder = out or Path("runs") / f"eval-{name}-{suite}"
    with Bars("documents") as bars:
        results = evaluate(options, folder, bars, bars.say)
    show_results(results, folder, as_json=as_json)
