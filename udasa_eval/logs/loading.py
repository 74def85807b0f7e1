"""Whose log a place holds."""

from __future__ import annotations

from pathlib import Path

from udasa_data.errors import UserError
from udasa_eval.logs.inspect_files import logs_in, read_inspect
from udasa_eval.logs.lm_eval_files import read_lm_eval, samples_in
from udasa_eval.logs.records import Log


def is_log(place: Path) -> bool:
    """Return whether a file or folder holds logs of lm-eval or inspect-ai.

    Raises:
        UserError: a folder with logs of lm-eval of several models.
    """
    if (place / "results.json").is_file():  # a results folder of ours
        return False
    return bool(samples_in(place) or logs_in(place))


def read_log(place: Path) -> Log:
    """Read one model's logs.

    Raises:
        UserError: there are none, they cannot be read, or they are of several models.
    """
    if samples_in(place):
        log = read_lm_eval(place)
    elif logs_in(place):
        log = read_inspect(place)
    else:
        raise UserError(f"{place}: holds no samples_*.jsonl of lm-eval and no log of inspect-ai")
    if not any(task.metrics for task in log.tasks.values()):
        raise UserError(f"{place}: no metric has a number a document")
    return log
