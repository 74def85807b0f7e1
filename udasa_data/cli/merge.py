"""``udasa-data merge``."""

from __future__ import annotations

from typing import Annotated

import typer

from udasa_data.cli.options import JsonOption


def merge(
    runs: Annotated[
        list[str],
        typer.Argument(help="Two or more: run directories, dataset folders, ORG/NAME[@REVISION]."),
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="The new run's directory.")],
    as_json: JsonOption = False,
) -> None:
    """Join runs of different prompts or rounds into one.

    Its pairs are calibrated, paired and staged together.
    """
    from udasa_data.cli.tables import show_result
    from udasa_data.pipeline import merge as merge_runs
    from udasa_data.terminal import Bars

    with Bars() as bars:
        result = merge_runs(runs, out, bars)
    show_result(result, as_json=as_json)
