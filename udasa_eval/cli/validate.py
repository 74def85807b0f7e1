"""`udasa-eval validate`: our numbers beside those that others published."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from udasa_data.errors import UserError
from udasa_data.terminal import echo, print_json
from udasa_eval.cli.options import Json

if TYPE_CHECKING:
    from udasa_eval.validation import Validation


def validate(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of datasets. [$UDASA_DATA_DIR]", file_okay=False),
    ] = None,
    judges: Annotated[
        str | None,
        typer.Option(help="Judges to compare with people: a set of judges.yaml, or a file. [tiny]"),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=2, help="Judges read so many pairs or answers of each dataset at most."),
    ] = None,
    network: Annotated[
        bool, typer.Option("--network", help="Rerun published numbers of models on the Hub, too.")
    ] = False,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Where results of --network are kept.", file_okay=False),
    ] = Path("runs/validate"),
    as_json: Json = False,
) -> None:
    """Rerun what others published, and compare our numbers.

    Status 1 where one of ours is too far from theirs.
    """
    from udasa_data.terminal import Bars
    from udasa_eval.validation import validate as rerun

    folder = data_dir or (
        Path(os.environ["UDASA_DATA_DIR"]) if "UDASA_DATA_DIR" in os.environ else None
    )
    if folder is None:
        raise UserError("no datasets: give --data-dir FOLDER, or set UDASA_DATA_DIR")
    with Bars("documents") as bars:
        validation = rerun(
            folder,
            judges=judges,
            limit=limit,
            network=out if network else None,
            progress=bars,
            tell=bars.tell,
        )
    if as_json:
        print_json(validation)
    else:
        _print(validation)
    if breaches := validation.breaches:
        names = "; ".join(check.name for check in breaches)
        raise UserError(f"{len(breaches)} of ours differ too much from theirs: {names}")


def _print(validation: Validation) -> None:
    from udasa_data.terminal import print_table

    rows = [
        (
            check.group,
            check.name,
            f"{check.ours:.3f}",
            f"{check.theirs:.3f}",
            f"{check.difference:+.3f}",
            f"{check.tolerance:g}",
            f"{check.n:,}",
            "holds" if check.holds else "BREACH",
            check.note,
        )
        for check in validation.checks
    ]
    columns = "against|what|ours|theirs|difference|allowed|n||note"
    print_table(columns.split("|"), rows, right={2, 3, 4, 5, 6})
    echo("\nAgreement of judges with people (½ is chance; nothing published to compare it with)")
    agreements = [
        (
            agreement.dataset,
            agreement.judge,
            agreement.measure,
            f"{agreement.value:.3f}",
            f"[{agreement.low:.3f}, {agreement.high:.3f}]",
            "–" if agreement.swapped is None else f"{agreement.swapped:.3f}",
            f"{agreement.n:,}",
            f"{agreement.ties:,}" if agreement.ties else "",
            f"{agreement.unscored:,}" if agreement.unscored else "",
            agreement.note,
        )
        for agreement in validation.agreements
    ]
    columns = "dataset|judge|measure|ours|95% interval|swapped|n|people tie|unscored|note"
    print_table(columns.split("|"), agreements, right={3, 5, 6, 7, 8})
    for line in validation.not_run:
        echo(f"not run: {line}")
