"""``udasa_data.score(...)``: the uncertainties of answers that exist already."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from udasa_data.config import resolve
from udasa_data.prompts import Source, parse_answers
from udasa_data.python.given_rows import Rows, as_lines
from udasa_data.scoring import ScoreResult, score_file
from udasa_data.terminal import Shown, python_words, watched

_DEFAULT: Final = "tiny"


def score(
    answers: Rows,
    out: str | Path,
    *,
    scorers: str | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    calibration: str | Path | None = None,
    labels: str | None = None,
    progress: Shown = None,
) -> ScoreResult:
    """Score existing answers, three or more a prompt, as ``udasa-data score`` does.

    Args:
        answers: a file or another place, as the command takes it; or the rows themselves, as
            :func:`udasa_data.build` takes prompts, with their prompts and answers.
        out: the .parquet file to write; the same call again reads it.
        scorers: a scorer set of ``udasa-data models``.
        config: a YAML file, or what would stand in one.
        calibration: the ``calibration.json`` of a run, applied without refitting.
        labels: the column of 0/1, 1 for a wrong answer: calibrates to P(wrong).
        progress: see :func:`udasa_data.build`.

    Raises:
        UserError: something the user can put right; nothing is written.
    """
    with python_words("score"), watched(progress) as shown, _source(answers) as (source, columns):
        file = Path(config) if isinstance(config, str) else config
        resolved = resolve(None, {}, scorers=scorers, file=file, default=_DEFAULT)
        curves = None if calibration is None else Path(calibration)
        return score_file(source, Path(out), resolved, curves, labels, shown, columns)


@contextmanager
def _source(answers: Rows) -> Iterator[tuple[Source, Sequence[str]]]:
    """Yield where answers are read; rows are a file for the time of the call."""
    if isinstance(answers, str | Path):
        yield parse_answers(str(answers))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.jsonl"
        file.write_text(as_lines(answers, "answers"), encoding="utf-8")
        yield parse_answers(str(file))
