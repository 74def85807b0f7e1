"""`udasa-eval frontier`: reward against KL for a set of checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_eval.cli.options import DataDir, Engine, Judges, Seed


def frontier(
    model: Annotated[
        list[str], typer.Option(help="A checkpoint: folder, Hub id or preset. Give several.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder of the runs and the figure.", file_okay=False),
    ],
    reference: Annotated[
        str | None,
        typer.Option(help="Model that the KL is measured against. [of suite tiny: tiny]"),
    ] = None,
    suite: Annotated[str, typer.Option(help="The suite whose sentiment task is run.")] = "quick",
    data_dir: DataDir = None,
    judges: Judges = None,
    engine: Annotated[Engine, typer.Option(help="What draws the continuations.")] = "auto",
    seed: Seed = 0,
) -> None:
    """Draw the reward-KL frontier of controlled sentiment. Killed? The same command resumes it."""
    from udasa_data.terminal import Bars
    from udasa_eval.cli.tables import show_frontier
    from udasa_eval.frontier import frontier as draw
    from udasa_eval.running import RunOptions

    options = RunOptions(
        model=model[0],
        suite=suite,
        engine=engine,
        judges=judges,
        reference=reference,
        data_dir=None if data_dir is None else str(data_dir),
        seed=seed,
    )
    with Bars("documents") as bars:
        curve = draw(options, model, out, bars, bars.say)
    show_frontier(curve, out)
