"""What the command lines of all packages have in common: their settings, ``--version``, JSON."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from udasa_data.terminal.meanings import Commands
from udasa_data.terminal.screen import echo

SETTINGS: Final[dict[str, Any]] = {
    "cls": Commands,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


def program(name: str, about: str) -> typer.Typer:
    """Return a program without commands: it shows its help, and with ``--version`` its version."""
    app = typer.Typer(name=name, no_args_is_help=True, **SETTINGS)
    app.callback(help=about)(_root)
    return app


def print_json(facts: object) -> None:
    """Print a mapping or a struct as one JSON object in one line; NaN is null."""
    import msgspec

    echo(msgspec.json.encode(facts).decode())


def _version(context: typer.Context, value: bool) -> None:
    if value:
        from importlib.metadata import version

        echo(f"{context.command.name} {version('udasa')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
