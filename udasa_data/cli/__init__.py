"""The command line: thin wrappers that parse, call, and print.

Each command is a module of its own; nothing heavy is imported here or on the way to ``--help``.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from udasa_data.cli.build import build
from udasa_data.cli.check import check
from udasa_data.cli.diff import diff
from udasa_data.cli.export import export
from udasa_data.cli.init import init
from udasa_data.cli.merge import merge
from udasa_data.cli.plan import plan
from udasa_data.cli.push import push
from udasa_data.cli.report import report
from udasa_data.cli.score import score
from udasa_data.cli.verify import verify
from udasa_data.terminal import program, run_app

app = program("udasa-data", "Preference data from your own model's answers, staged by uncertainty.")

StageName = Literal["conservative", "moderate", "exploratory"]


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 1."""
    run_app(app)


def models() -> None:
    """List the presets: models, scorers, and what is known of each."""
    from udasa_data.cli.tables import models_table
    from udasa_data.config import read_looked_up, read_presets

    models_table(read_presets(), read_looked_up())


def show(
    run: Annotated[
        str, typer.Argument(help="A run directory, a dataset folder, or ORG/NAME[@REVISION].")
    ],
    stage: Annotated[StageName | None, typer.Option(help="Only this stage.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many pairs.")] = 3,
) -> None:
    """Show pairs with their uncertainties, chosen beside rejected."""
    from udasa_data.cli.tables import show_pairs
    from udasa_data.runs import read_pairs

    show_pairs(read_pairs(run, stage, n))


# in the order of the way
for command in (
    *(init, models, check, plan, build, score),
    *(show, report, diff, merge, push, verify, export),
):
    app.command()(command)
