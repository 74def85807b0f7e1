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
Judges: TypeAlias = Annotated[
    str | None, typer.Option(help="Set of judges.yaml, or a YAML file. [the suite's own]")
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Of sampling.")]
ResultsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print results.json.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
