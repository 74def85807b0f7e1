"""``validate()``: every known answer that can be rerun here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from udasa_data.errors import UserError
from udasa_data.progress import Progress, Silent
from udasa_eval.judging import judge_set
from udasa_eval.validation.agreement import check_judges
from udasa_eval.validation.alpaca_eval import (
    ANNOTATIONS,
    GAMED,
    check_alpaca_eval,
    unpublished,
)
from udasa_eval.validation.outcome import Check, Validation
from udasa_eval.validation.parity import TABLE, check_choices
from udasa_eval.validation.published import FIGURES, check_published, not_run, unreachable
from udasa_eval.validation.refusals import COMPLETIONS, check_refusals

QUESTIONS: Final = 40  # of TruthfulQA, asked of the embedded policy here and by plain lm-eval


def validate(
    data_dir: Path,
    *,
    judges: str | None = None,
    limit: int | None = None,
    network: Path | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Validation:
    """Rerun known answers.

    Args:
        data_dir: folder of datasets; sets that it lacks are named, not failed.
        judges: a set of ``judges.yaml`` or a file of one, to compare with people; None compares
            the embedded ones.
        limit: pairs or labelled answers of each dataset that judges read, at most; None: all.
        network: where to keep the results of models from the Hub; None leaves them out.
        progress: where long steps report how far they are.
        tell: called with each note.

    Raises:
        UserError: there is nothing to rerun in the folder, or a file is not what it should be.
    """
    progress = progress or Silent()
    if not data_dir.is_dir():
        raise UserError(
            f"{data_dir}: no such folder; --data-dir (or UDASA_DATA_DIR) names the datasets"
        )
    checks, missing = _stored_answers(data_dir, progress)
    chosen = judge_set(judges or "tiny", "tiny")
    if (data_dir / COMPLETIONS).is_file():
        checks += check_refusals(data_dir, chosen)
    agreements, lacking = check_judges(data_dir, chosen, progress, limit)
    missing += lacking
    if not checks and not agreements:
        raise UserError(f"{data_dir}: holds none of the datasets to validate on")
    if network is None:
        missing += not_run()
    else:
        checks += check_published(network, FIGURES, progress, tell)
        missing += unreachable()
    return Validation(checks=tuple(checks), agreements=tuple(agreements), not_run=tuple(missing))


def _stored_answers(data_dir: Path, progress: Progress) -> tuple[list[Check], list[str]]:
    """Rerun what needs the folder alone; return the checks, and a line for each that cannot be."""
    checks: list[Check] = []
    missing: list[str] = []
    if (data_dir / ANNOTATIONS).is_file():
        checks += check_alpaca_eval(data_dir)
        missing += [
            f"win rates of {name}: annotated, but without a published row"
            for name in unpublished(data_dir)
        ]
        if not (data_dir / GAMED).is_file():
            missing.append(
                f"length-controlled win rates: {GAMED} is not under {data_dir}; udasa-eval fetch "
                f"--data-dir {data_dir} --dataset alpaca_eval_gamed puts it there"
            )
    else:
        missing.append(f"{ANNOTATIONS}: not under {data_dir}")
    if (data_dir / TABLE).is_file():
        checks += check_choices(data_dir, QUESTIONS, progress)
    else:
        missing.append(f"{TABLE}: not under {data_dir}")
    return checks, missing
