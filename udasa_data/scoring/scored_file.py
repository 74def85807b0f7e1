"""The file of ``score_file()`` and the curves beside it: written, known again, never replaced.

The scores are written first, with the fitted curves in their metadata; ``NAME.calibration.json`` is
written after them, and again from the metadata where it is missing.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.runs import ScoreSummary, differing
from udasa_data.storage import is_whole, parquet_metadata, write_new, write_sealed

_METADATA: Final = "udasa"  # the key in the Parquet file's own metadata


def refuse_foreign_curves(out: Path, curves_file: Path) -> None:
    """Refuse to fit curves where their file is there without the scores that it would belong to.

    Raises:
        UserError: names the file.
    """
    if not out.exists() and (curves_file.exists() or curves_file.is_symlink()):
        raise UserError(
            f"{curves_file}: is there already, and {out.name}, whose curves would go there, is "
            "not; nothing was written. Move it, or give another --out"
        )


def read_summary(
    out: Path, made_from: dict[str, Any], curves_file: Path | None
) -> ScoreSummary | None:
    """Return what ``out`` came to, where the same call made it; None where it does not exist.

    Args:
        out: the file of scores.
        made_from: all that decides them.
        curves_file: of the curves fitted with them, written again where it is missing; None
            where they were given.

    Raises:
        UserError: it exists and is something else.
    """
    if not out.exists() and not out.is_symlink():
        return None
    try:
        content = read_bytes(out)
        if not is_whole(content):
            raise UserError(f"{out}: is damaged; delete it, and the same command makes it again")
        found = json.loads(parquet_metadata(io.BytesIO(content))[_METADATA])
        summary = msgspec.convert(found["summary"], ScoreSummary)
        differences = differing(found["made_from"], made_from)
    except (OSError, pl.exceptions.PolarsError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{out} exists and holds no scores; give another --out") from error
    if differences:
        raise UserError(
            f"{out} holds scores that differ in: {'; '.join(differences)}. Give another --out, or "
            "delete that file"
        )
    if curves_file is not None:
        _write_curves(curves_file, found["curves"])
    return summary


def write_scores(
    out: Path,
    table: pl.DataFrame,
    made_from: dict[str, Any],
    summary: ScoreSummary,
    curves: tuple[Path, dict[str, Any]] | None,
) -> None:
    """Write the scores, then the curves that were fitted with them: their file, and as JSON.

    Raises:
        UserError: no space left, or no permission to write.
    """
    metadata = {"made_from": made_from, "summary": msgspec.to_builtins(summary)}
    if curves is not None:
        metadata["curves"] = curves[1]
    stored = {_METADATA: json.dumps(metadata, allow_nan=False)}
    write_sealed(out, table, stored)
    if curves is not None:
        _write_curves(*curves)


def _write_curves(file: Path, curves: dict[str, Any]) -> None:
    """Write the curves unless they are there.

    Raises:
        UserError: something else is there by that name: damaged, somebody else's, or a link.
    """
    text = json.dumps(curves) + "\n"
    if file.is_symlink() or (not write_new(file, text) and not _holds(file, text)):
        raise UserError(
            f"{file}: is not the calibration that was fitted with the scores; the scores are "
            "written. Move it, and the same command writes the calibration again"
        )


def _holds(file: Path, text: str) -> bool:
    try:
        return read_bytes(file) == text.encode()
    except OSError:
        return False
