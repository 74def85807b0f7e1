"""``udasa-data verify``: a published dataset, checked against its manifest."""

from __future__ import annotations

import gc
from typing import Annotated, Final

import typer

from udasa_data.cli.options import JsonOption
from udasa_data.terminal import print_json

# Thousands of modules are imported, and none of them goes again: to look for garbage among them as
# often as Python does took a fifth of a small dataset's time.
_OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000


def verify(
    source: Annotated[
        str, typer.Argument(metavar="ORG/NAME[@REVISION]|DIR", help="A Hub dataset or a folder.")
    ],
    max_length: Annotated[
        int, typer.Option(min=1, help="Tokens at which training would cut a pair.")
    ] = 1024,
    as_json: JsonOption = False,
) -> None:
    """Load a dataset back and check it.

    Hashes, schema, splits, stages, TRL's tokenisation.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    from udasa_data.cli.checks import checks_table
    from udasa_data.publish import verify as verify_dataset
    from udasa_data.terminal import Bars

    with Bars("checks") as bars:
        verified = verify_dataset(source, bars.say, max_length, progress=bars)
    if as_json:
        checks = [check._asdict() for check in verified.checks]
        print_json({"where": verified.where, "checks": checks})
    else:
        checks_table(verified)
    if not verified.passed:
        raise typer.Exit(1)
