"""The program ``udasa-train``: its commands, and ``--version``."""

from __future__ import annotations

from typing import Annotated

import typer

from udasa_data.terminal import echo

from .ablate import ablate
from .dpo import dpo
from .rounds import rounds
from .running import SETTINGS, run
from .sft import sft

app = typer.Typer(no_args_is_help=True, **SETTINGS)


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 1."""
    run(app)


def _version(value: bool) -> None:
    if value:
        from udasa_data import __version__

        echo(f"udasa-train {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train a policy on a staged dataset, and find out what the stages did for it."""


for command in (dpo, sft, ablate, rounds):
    app.command()(command)
