"""The options that several commands take, and how what was given of them is gathered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_MODEL = "tiny"


def known_models(incomplete: str) -> list[str]:
    """Return the presets that begin so, for the shell's completion."""
    from udasa_data.config import read_presets

    return [name for name in read_presets().models if name.startswith(incomplete)]


def known_scorers(incomplete: str) -> list[str]:
    """Return the scorer sets that begin so, for the shell's completion."""
    from udasa_data.config import read_presets

    return [name for name in read_presets().scorers if name.startswith(incomplete)]


ModelOption = Annotated[
    str | None,
    typer.Option(
        help="Preset (see: udasa-data models), Hub id or local folder. [tiny]",
        autocompletion=known_models,
    ),
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
    int | None, typer.Option(min=1, help="Take so many prompts, evenly from the sources. [all]")
]
SamplesOption = Annotated[
    int | None, typer.Option(help="Answers to each prompt, 4 to 1024. [the preset's]")
]
MaxTokensOption = Annotated[
    int | None, typer.Option(min=1, help="Tokens of the longest answer. [the preset's]")
]
TopPOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Sample from the likeliest tokens that make up this share. [the preset's]",
    ),
]
SystemPromptOption = Annotated[
    str | None, typer.Option(help="A system turn before each prompt that has none.")
]
BatchTokensOption = Annotated[
    int | None, typer.Option(min=256, help="Tokens in a batch of engine transformers.")
]
LanguageOption = Annotated[
    str | None,
    typer.Option(help="Language of the answers, by code, as de. [found for each prompt]"),
]
OutOption = Annotated[
    str | None,
    typer.Option("--out", "-o", help="The run directory: a path, s3://… or gs://… [runs/MODEL]"),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(help="A YAML file (see: udasa-data init); options win over it.", dir_okay=False),
]
ScorersOption = Annotated[
    str | None,
    typer.Option(
        help="Scorer set (see: udasa-data models): tiny, hub-small or hub. [the preset's]",
        autocompletion=known_scorers,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def given(**options: object) -> dict[str, object]:
    """Return the options that were given: all but None."""
    return {name: value for name, value in options.items() if value is not None}
