"""``udasa-data export``: a dataset's pairs in the form of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from udasa_data.cli.options import JsonOption
from udasa_data.terminal import echo, print_json


def export(
    source: Annotated[
        str, typer.Argument(help="A run directory, a dataset folder, or ORG/NAME[@REVISION].")
    ],
    form: Annotated[
        Literal["axolotl", "llamafactory", "kto", "argilla"],
        typer.Option(
            "--format",
            help="Whose: axolotl, LLaMA-Factory, TRL's KTO trainer, or Argilla's records.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A folder that is not there yet.", file_okay=False)
    ],
    stage: Annotated[
        Literal["conservative", "moderate", "exploratory"] | None,
        typer.Option(help="This stage alone. [all, the surest first]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write pairs for axolotl, LLaMA-Factory, TRL's KTO, or Argilla."""
    from udasa_data.publish import export_pairs
    from udasa_data.runs import open_finished

    done = export_pairs(open_finished(source), form, out, stage)
    if as_json:
        print_json(done._asdict())
        return
    for name, rows in done.files.items():
        echo(f"{out / name}: {rows:,} rows" if rows else f"{out / name}")
    if done.continued:
        echo(f"note: {done.continued:,} pairs that continue a text are left out", err=True)
    if done.thoughtful:
        echo(f"note: thoughts of {done.thoughtful:,} pairs are left out", err=True)
