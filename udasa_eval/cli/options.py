"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from udasa_eval.running import RunOptions

Engine: TypeAlias = Literal["auto", "transformers", "vllm", "openai"]
DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Folder of datasets (see: udasa-eval fetch). [the Hub]"),
]
Axes: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Only these axes, with commas: harmlessness, helpfulness, truthfulness, sentiment. "
        "[all]"
    ),
]
Tasks: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Only these tasks of the suite, with commas: xstest_safe,truthfulqa_mc1. [all]"
    ),
]
Limit: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Prompts of a task at most. [as the suite has]")
]
Judges: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Sets of judges (tiny, hub, strongreject, …) and YAML files, with commas. "
        "[the suite's own]"
    ),
]
Model: TypeAlias = Annotated[str, typer.Option(help="Preset, Hub id or local folder.")]
Suite: TypeAlias = Annotated[
    str, typer.Option(help="Which tasks: quick, full, gated, tiny, or a YAML file of your own.")
]
Thoughts: TypeAlias = Annotated[
    int,
    typer.Option(min=0, help="Tokens that the model may think, on top of each task's budget."),
]
EngineOption: TypeAlias = Annotated[
    Engine,
    typer.Option(
        help="What draws the answers; auto: vllm where it and a GPU are, else transformers."
    ),
]
Baseline: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Results folder, or AlpacaEval generator, that win rates are against."),
]
Reference: TypeAlias = Annotated[
    str | None, typer.Option(help="Model that KL and perplexity are measured against.")
]
ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="A YAML file as for udasa-data build: what the engine needs."),
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Seed of sampling.")]
ResultsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print results.json.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def run_options(
    *, axes: str | None, tasks: str | None, config: Path | None, data_dir: Path | None, **given: Any
) -> RunOptions:
    """Return the options of a run as its commands take them.

    Raises:
        UserError: an unknown axis, or an empty list.
    """
    from udasa_eval.running import RunOptions, axes_of, tasks_of

    return RunOptions(
        axes=axes_of(axes),
        tasks=tasks_of(tasks),
        config=None if config is None else str(config),
        data_dir=None if data_dir is None else str(data_dir),
        **given,
    )
