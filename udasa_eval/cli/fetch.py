"""`udasa-eval fetch`: fill a folder of datasets from the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.errors import UserError
from udasa_data.terminal import echo


def fetch(
    data_dir: Annotated[Path, typer.Option(help="The folder to fill.", file_okay=False)],
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this one. May be given again. [all]")
    ] = None,
) -> None:
    """Fill a folder with the suites' datasets.

    For --data-dir, where there is no network.

    Those that cannot be had are listed at the end, with status 1; the others are there then.
    """
    from udasa_eval.tasks import Fetched
    from udasa_eval.tasks import fetch as fetch_datasets

    def report(fetched: Fetched) -> None:
        if fetched.missing:
            echo(f"{fetched.name}: not fetched: {fetched.missing}")
            return
        state = "already there" if fetched.was_there else f"at {fetched.revision}"
        echo(f"{fetched.name}: {fetched.rows:,} rows, {state} → {fetched.path}")

    found = fetch_datasets(data_dir, dataset, tell=report)
    if missing := [fetched.name for fetched in found if fetched.missing]:
        raise UserError(
            f"{len(missing)} of {len(found)} datasets are missing in {data_dir}: "
            f"{', '.join(missing)} (why: above); the same command tries these again"
        )
