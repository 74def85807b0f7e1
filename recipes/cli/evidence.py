"""`udasa-train evidence`: is the chosen answer the better one? On small models' own answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.terminal import echo

from .options import ConfigOption, DryRunOption, OutOption, SetOption, needed
from .running import check_packages


def evidence(
    config: ConfigOption = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="UDASA_DATA_DIR",
            help="Folder of the corpora; python -m udasa_recipes.tiny.hub makes one.",
            file_okay=False,
        ),
    ] = None,
    out: OutOption = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A policy of the file; may be given again. [all]")
    ] = None,
    settings: SetOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Measure whether chosen answers are right, by estimator and stage. Killed? It resumes."""
    from ..evidence import read_evidence
    from ..staged import parse_settings, to_yaml

    path = config or Path(__file__).parent.parent / "evidence" / "evidence.yaml"
    resolved = read_evidence(path, parse_settings(settings or []))
    if dry_run:
        echo(to_yaml(resolved), end="")
        return
    data = needed(data_dir, "--data-dir", "the folder of the corpora")
    folder = needed(out, "--out", "the folder of runs and figures")
    check_packages()
    from udasa_data.storage import write_text

    from ..evidence.running import premise
    from ..evidence.tables import as_markdown, as_text

    figures = premise(resolved, data, folder, only or ())
    echo(as_text(figures))
    write_text(folder / "figures.md", as_markdown(figures))
    echo(f"tables: {folder / 'figures.md'}")
