"""The options that several commands take, and how what was given of them is gathered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_MODEL = "tiny"

ModelOption = Annotated[
    str | None,
    typer.Option(help="Preset (see: udasa-data models), Hub id or local folder. [tiny]"),
]
PromptsOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Preset, Hub id with :config/split#column, or a file, folder, pattern in quotes or "
        "address of rows (.jsonl, .json, .csv, .tsv, .parquet, .arrow, .txt; .gz and the like "
        "behind); AXIS= before it names its axis. May be given again."
    ),
]
LimitOption = Annotated[
    int | None, typer.Option(min=1, help="Take so many prompts, evenly from the sources.")
]
SamplesOption = Annotated[int | None, typer.Option(help="Answers to each prompt, 4 to 1024.")]
MaxTokensOption = Annotated[int | None, typer.Option(min=1, help="Longest answer.")]
ConfigOption = Annotated[
    Path | None, typer.Option(help="A YAML file; flags win over it.", dir_okay=False)
]
ScorersOption = Annotated[
    str | None,
    typer.Option(help="Scorer set of presets.yaml: tiny or hub. [the preset's]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def given(**options: object) -> dict[str, object]:
    """Return the options that were given: all but None."""
    return {name: value for name, value in options.items() if value is not None}
