"""`udasa-train ablate`: the controls of a staged run, at equal numbers of steps."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from udasa_data.terminal import echo

from .options import (
    ConfigOption,
    DryRunOption,
    OutOption,
    PresetOption,
    SetOption,
    chosen_file,
    needed,
)
from .running import check_packages


def ablate(
    model: PresetOption = None,
    config: ConfigOption = None,
    run: Annotated[
        Path | None, typer.Option(help="Directory of a finished build.", file_okay=False)
    ] = None,
    out: OutOption = None,
    settings: SetOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Train the controls, several seeds each. Killed? The same command resumes."""
    from ..ablation import read_ablation
    from ..staged import parse_settings, to_yaml

    path = chosen_file(model, config, "ablate")
    ablation = read_ablation(path, parse_settings(settings or []))
    if dry_run:
        echo(to_yaml(ablation), end="")
        return
    build = needed(run, "--run", "the directory of a finished build")
    folder = needed(out, "--out", "the folder of cells, table and plot")
    check_packages()
    from udasa_data.storage import write_atomically, write_text

    from ..ablation.contrasts import summarise
    from ..ablation.report import plot, table
    from ..ablation.running import ablate as train_cells

    rows = summarise(train_cells(ablation, path.parent, build, folder))
    text = table(rows)
    echo(text)
    write_text(folder / "ablation.txt", f"{text}\n")
    write_atomically(folder / "ablation.png", partial(plot, rows))
    echo(f"plot: {folder / 'ablation.png'}")
