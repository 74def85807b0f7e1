"""``udasa-data score``: the uncertainties of answers that exist already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.cli.options import (
    DEFAULT_MODEL,
    ConfigOption,
    JsonOption,
    ScorersOption,
    print_json,
)


def score(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE[#COLUMN,…]",
            help="A .parquet, .jsonl or .csv file of prompts and answers, and where these are.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The .parquet file to write.", dir_okay=False)],
    scorers: ScorersOption = None,
    config: ConfigOption = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="A run's calibration.json, applied without refitting.", dir_okay=False),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Column of 0/1, 1 for a wrong answer: calibrate to P(wrong)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score existing answers, three or more a prompt. Killed? The same command resumes."""
    import msgspec

    from udasa_data.cli.tables import score_tables
    from udasa_data.config import resolve
    from udasa_data.scoring import score_file
    from udasa_data.terminal import Bars

    path, columns = _parsed(file)
    resolved = resolve(None, {}, scorers=scorers, file=config, default=DEFAULT_MODEL)
    with Bars() as bars:
        result = score_file(path, out, resolved, calibration, labels, bars, columns)
    if as_json:
        places = {"out": str(result.out), "calibration": str(result.calibration)}
        summary = msgspec.to_builtins(result.summary)
        print_json({**places, "reused": result.reused, **summary})
    else:
        score_tables(result)


def _parsed(file: str) -> tuple[Path, list[str]]:
    """Return the file, and the columns that the user names behind it."""
    place, _, columns = file.rpartition("#")
    if not place or Path(file).exists():
        return Path(file), []
    return Path(place), [name.strip() for name in columns.split(",") if name.strip()]
