"""The command line: thin wrappers that parse, call, and print.

Each command is a module of its own; nothing heavy is imported here or on the way to ``--help``.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from udasa_data.cli.build import build
from udasa_data.cli.diff import diff
from udasa_data.cli.merge import merge
from udasa_data.cli.plan import plan
from udasa_data.cli.push import push
from udasa_data.cli.report import report
from udasa_data.cli.score import score
from udasa_data.cli.verify import verify
from udasa_data.terminal import echo, run_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StageName = Literal["conservative", "moderate", "exploratory"]


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 1."""
    run_app(app)


def _version(value: bool) -> None:
    if value:
        from udasa_data import __version__

        echo(f"udasa-data {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Preference data from your own model's answers, staged by uncertainty."""


def models() -> None:
    """List the model presets."""
    from udasa_data.cli.tables import models_table
    from udasa_data.config import read_presets

    models_table(read_presets())


def show(
    run: Annotated[str, typer.Argument(help="A run directory.")],
    stage: Annotated[StageName | None, typer.Option(help="Only this stage.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many pairs.")] = 3,
) -> None:
    """Show pairs of a run, chosen beside rejected, with their uncertainties."""
    from udasa_data.cli.tables import show_pairs
    from udasa_data.runs import read_pairs

    show_pairs(read_pairs(run, stage, n))


for command in (build, plan, score, models, show, report, diff, merge, push, verify):
    app.command()(command)
