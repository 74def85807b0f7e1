"""The documents of a run's tasks, read once, at commits that a resumed run keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from udasa_data.errors import UserError
from udasa_data.runs import Run
from udasa_eval.running.options import RunOptions
from udasa_eval.tasks import Documents, TaskPlan, UnreadableError, documents_in, load_rows


def read_documents(
    plans: Sequence[TaskPlan], options: RunOptions, folder: Run
) -> tuple[dict[str, Documents], list[str]]:
    """Read every task's documents; the commits they are at are kept for when the run is resumed.

    A task whose dataset lacks what it asks about is left out, and a line says so.

    Raises:
        UserError: a dataset cannot be had, or none of the tasks can be read.
    """
    commits: dict[str, str] = folder.manifest.get("commits", {})
    data_dir = Path(options.data_dir) if options.data_dir else None
    read: dict[str, Documents] = {}
    notes: list[str] = []
    for dataset in dict.fromkeys(plan.notes.dataset for plan in plans):
        loaded = load_rows(dataset, data_dir=data_dir, commits=commits)
        for plan in plans:
            if plan.notes.dataset == dataset:
                try:
                    read[plan.name] = documents_in(loaded, plan.notes.reader, plan.limit)
                except UnreadableError as error:
                    notes.append(f"{plan.name} is left out: {error}")
    if not read:
        raise UserError(notes[0])
    if data_dir is None:
        for documents in read.values():
            pinned = documents.pinned
            hubs, shas = pinned.id.split(", "), (pinned.revision or "").split(", ")
            commits |= {hub: sha for hub, sha in zip(hubs, shas, strict=False) if sha}
        folder.save_manifest(commits=commits)
    return read, notes
