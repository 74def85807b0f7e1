"""`udasa-eval fetch`: fill a folder of datasets from the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.terminal import echo


def fetch(
    data_dir: Annotated[Path, typer.Option(help="The folder to fill.", file_okay=False)],
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this one. May be given again. [all]")
    ] = None,
) -> None:
    """Fill a folder with the suites' datasets, for --data-dir where there is no network."""
    from udasa_eval.tasks import Fetched
    from udasa_eval.tasks import fetch as fetch_datasets

    def report(fetched: Fetched) -> None:
        state = "already there" if fetched.was_there else f"at {fetched.revision}"
        echo(f"{fetched.name}: {fetched.rows:,} rows, {state} → {fetched.path}")

    fetch_datasets(data_dir, dataset, tell=report)
