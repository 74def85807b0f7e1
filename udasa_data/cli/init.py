"""``udasa-data init``: a configuration with its comments, that builds as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.terminal import echo


def init(
    file: Annotated[Path, typer.Argument(help="The YAML file to write.", dir_okay=False)] = Path(
        "udasa.yaml"
    ),
) -> None:
    """Write a commented configuration, to change and to build from."""
    import shlex

    from udasa_data.config import start_text
    from udasa_data.errors import UserError
    from udasa_data.storage import write_new

    name = shlex.quote(str(file))
    if not file.parent.is_dir():
        raise UserError(f"{file}: no such folder '{file.parent}'; make it first")
    if not write_new(file, start_text(name)):
        raise UserError(f"{file}: is there already, and stays; give another name")
    echo(f"{file}: change it, then")
    echo(f"udasa-data check --config {name}")
    echo(f"udasa-data build --config {name} --out runs/first")
