"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Engine: TypeAlias = Literal["auto", "transformers", "vllm", "openai"]
Suite: TypeAlias = Literal["quick", "full", "tiny"]
DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Folder of datasets (see: udasa-eval fetch); none reads the Hub."),
]
Tasks: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Only these of the suite, with commas: xstest_safe,truthfulqa_mc1"),
]
Limit: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Prompts of a task at most. [as the suite has]")
]
Judges: TypeAlias = Annotated[
    str | None, typer.Option(help="Set of judges.yaml, or a YAML file. [the suite's own]")
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Of sampling.")]
ResultsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print results.json.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
