"""The final policy: its files at the top of the run, clean, with a card."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from string import Template
from typing import Final

import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage import (
    file_sha256,
    read_sealed,
    remove_made,
    write_atomically,
    write_sealed,
    write_text,
)

from .config import Recipe
from .folders import PROMPTS, is_stage_file
from .ledger import Ledger, Record, StageRecord
from .policies import is_policy_file
from .report import matrix_rows

# what makes a folder a model, written last: until it is there, no loader takes the folder for one
_LAST: Final = "config.json"


def finish(ledger: Ledger, policy: Path, prompts: pl.DataFrame, recipe: Recipe) -> None:
    """Put the last stage's policy, its card and its record into the run's folder.

    Args:
        ledger: of the run; marked as finished.
        policy: folder of the last stage's policy.
        prompts: trained on, as hashes.
        recipe: of the run.

    Raises:
        UserError: the policy is not what was put there before.
    """
    out, record = ledger.path.parent, ledger.record
    assert record is not None
    write_sealed(out / PROMPTS, prompts)
    files = [path for path in sorted(policy.iterdir()) if is_policy_file(path.name)]
    hashes = {path.name: file_sha256(path) for path in files}
    if record.files not in ({}, hashes):
        raise UserError(
            f"{policy}: is damaged: not what {ledger.path.name} says; delete {out} to train again"
        )
    record.files, record.finished = hashes, True
    ledger.save()
    text = card(record, out.name)
    write_text(out / "README.md", text)
    for path in sorted(files, key=lambda path: path.name == _LAST):
        write_atomically(out / path.name, partial(shutil.copyfile, path))
    if not recipe.keep_stages:
        remove_made(out / "stages", is_stage_file)


def is_finished(ledger: Ledger) -> bool:
    """Return whether the run's folder holds the final policy, as it was written.

    Raises:
        UserError: it does not any more, and cannot be written again: the stages are not kept.
    """
    out, record = ledger.path.parent, ledger.record
    if record is None or not record.finished:
        return False
    damaged = [name for name, digest in record.files.items() if not _holds(out / name, digest)]
    if not damaged:
        return (out / _LAST).is_file() and _is_table(out / PROMPTS)
    if not (out / "stages").is_dir():
        raise UserError(
            f"{out / damaged[0]}: is missing or damaged, and the stages that it was made from are "
            f"not kept; delete {out} to train again"
        )
    return False


def _holds(file: Path, digest: str) -> bool:
    try:
        return file_sha256(file) == digest
    except OSError:
        return False


def _is_table(file: Path) -> bool:
    try:
        read_sealed(file)
    except (OSError, pl.exceptions.PolarsError):
        return False
    return True


def card(record: Record, name: str) -> str:
    """Return the model card: data, revision, stages and what they came to."""
    base, data = record.policy, record.training_data[0]
    front = ["library_name: transformers", "tags: [udasa, dpo]"]
    if base.revision:
        front.append(f"base_model: {base.id}")
    if data["revision"]:
        front.append(f"datasets: [{data['repo']}]")
    header, rows = matrix_rows(record)
    lines = [header, ["---"] * len(header), *rows]
    return Template((Path(__file__).parent / "card.md").read_text(encoding="utf-8")).substitute(
        front="\n".join(front),
        name=name,
        base=_at(base.id, base.revision),
        data=_at(data["repo"], data["revision"]),
        before=_before(record),
        stages="\n".join(_stage_line(stage) for stage in record.stages),
        served=record.served,
        table="\n".join(f"| {' | '.join(line)} |" for line in lines),
        notes="".join(f"Note: {note}\n\n" for note in record.notes),
    )


def _at(place: str, revision: str | None) -> str:
    return f"{place}@{revision}" if revision else place


def _before(record: Record) -> str:
    """Return what the policy was trained by before this run, for the card; "" of one of none."""
    lines = []
    for run in record.before:
        lines += [f"From `{_at(run.policy.id, run.policy.revision)}`, before this run:", ""]
        for stage in run.stages:
            data = _at(stage.dataset.repo, stage.dataset.revision)
            lines.append(f"{_stage_line(stage)}; pairs of `{data}`")
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


def _stage_line(stage: StageRecord) -> str:
    """Return a stage in one line of the card."""
    config = stage.config
    return (
        f"- **{stage.name}**: {stage.steps} steps on {stage.trained_rows:,} pairs "
        f"({stage.replayed:,} replayed), β {config['beta']:g}, "
        f"learning rate {config['learning_rate']:g}, {' + '.join(config['loss'])}, "
        f"reference {stage.reference.wanted}, "
        f"loss of the first step {stage.first_step['loss']:.4f}"
    )
