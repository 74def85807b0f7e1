"""``udasa-data score``: the uncertainties of answers that exist already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from udasa_data.cli.options import (
    DEFAULT_MODEL,
    ConfigOption,
    JsonOption,
    ScorersOption,
)
from udasa_data.terminal import print_json

if TYPE_CHECKING:
    from udasa_data.runs import ScoreSummary


def score(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE[#COLUMN,…]",
            help="Prompts and answers, in any place that --prompts of build takes, and the columns "
            "of these.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The .parquet file to write.", dir_okay=False)
    ],
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
    from udasa_data.errors import UserError
    from udasa_data.prompts import parse_answers
    from udasa_data.scoring import score_file
    from udasa_data.terminal import Bars

    source, columns = parse_answers(file)
    resolved = resolve(None, {}, scorers=scorers, file=config, default=DEFAULT_MODEL)
    with Bars() as bars:
        result = score_file(source, out, resolved, calibration, labels, bars, columns)
    if as_json:
        places = {"out": str(result.out), "calibration": str(result.calibration)}
        summary = msgspec.to_builtins(result.summary)
        print_json({**places, "reused": result.reused, **summary})
    else:
        score_tables(result)
    if not any(dimension.finite for dimension in result.summary.dimensions.values()):
        raise UserError(f"no scores: {_why_none(result.summary)}")


def _why_none(summary: ScoreSummary) -> str:
    """Return why nothing could be scored, and what to do."""
    few = summary.set_aside.get("prompt", {}).get("too_few_samples", 0)
    if few == summary.prompts:
        return (
            f"all {few:,} prompts have fewer than three answers that are not empty; rows of one "
            "prompt need one 'prompt_id' (or the same 'prompt')"
        )
    return (
        "the scorers could read none of the answers, see the notes; take scorers of their language "
        "(--scorers, --config)"
    )
