"""``udasa-data report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.terminal import echo


def report(
    run: Annotated[
        str, typer.Argument(help="A run directory, a dataset folder, or ORG/NAME[@REVISION].")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The HTML file. [RUN/report.html]", dir_okay=False),
    ] = None,
) -> None:
    """Write the page of a run: figures, and every pair with its answers."""
    from udasa_data.page import write_report
    from udasa_data.terminal import Bars

    with Bars() as bars:
        page = write_report(run, out, bars)
    echo(f"{page.path}: {page.rows:,} prompts, {page.size / 2**20:.1f} MB; open it in a browser")
