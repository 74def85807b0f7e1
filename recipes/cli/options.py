"""Options that several commands have, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

import typer

from udasa_data.errors import UserError

T = TypeVar("T")
LaunchKind = Literal["one", "fsdp2", "zero3"]

PresetOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="PRESET",
        help="The packaged recipe of a model: tiny, smollm-135m, mistral, …",
    ),
]
ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="A recipe of your own, a YAML file, in the packaged one's place.", dir_okay=False
    ),
]
SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the recipe: stages.moderate.beta=0.2. May be given again.",
    ),
]
OutOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="The folder of what is trained; needed but for --dry-run.",
        file_okay=False,
    ),
]
DryRunOption: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Print the whole recipe as YAML; train nothing.")
]
LaunchOption: TypeAlias = Annotated[
    LaunchKind | None,
    typer.Option(
        help="Start accelerate: one GPU, or a model sharded over several by FSDP2 or ZeRO-3."
    ),
]
ProcessesOption: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, help="How many processes --launch starts. [one for each visible GPU]"),
]


def needed(value: T | None, flag: str, what: str) -> T:
    """Return an option's value.

    Raises:
        UserError: it was not given; names the flag and what it is.
    """
    if value is None:
        raise UserError(f"{flag} is missing: {what}")
    return value


def chosen_file(
    preset: str | None, config: Path | None, kind: Literal["staged_dpo", "ablate", "rounds"]
) -> Path:
    """Return the YAML file that ``--model`` or ``--config`` names.

    Raises:
        UserError: neither or both are given, or there is no such preset.
    """
    from ..staged import known_presets, preset_path

    if preset is not None and config is not None:
        raise UserError("--model and --config are given: each names a file, give one of them")
    if config is not None:
        return config
    if preset is None:
        names = ", ".join(known_presets(kind))
        raise UserError(f"nothing to run: give --model PRESET ({names}) or --config FILE")
    return preset_path(preset, kind)
