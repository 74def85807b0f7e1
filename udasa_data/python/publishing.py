"""``push``, ``verify``, ``diff`` and ``report``: the commands of these names as functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from udasa_data import page, publish, runs
from udasa_data.page import Report
from udasa_data.pipeline import BuildResult
from udasa_data.publish import Released, Target, Verified
from udasa_data.runs import Difference
from udasa_data.terminal import Shown, python_words, teller, watched

Run: TypeAlias = str | Path | BuildResult


def push(
    run: Run,
    repo_id: str,
    *,
    private: bool = False,
    revision: str = "main",
    tag: str | None = None,
    against: Sequence[str | Path] = (),
    license: str | None = None,  # noqa: A002 (the option's name)
    progress: Shown = None,
) -> Released:
    """Push a run's dataset to the Hub in one commit, and verify it.

    Args:
        run: what :func:`udasa_data.build` gave, a run directory or a dataset folder.
        repo_id: ORG/NAME of the Hub dataset.
        private: make a new repository private.
        revision: the branch to push to.
        tag: of the commit.
        against: ``[NAME=]FILE`` of evaluation prompts to look for.
        license: of prompts whose source states none, as ``cc-by-4.0``.
        progress: None prints what it waits for and warns of, False does not.

    Returns:
        what was pushed, and the checks of it.

    Raises:
        UserError: nothing to push, or the Hub does not take it.
    """
    with python_words("push"):
        tell = teller(progress).say
        files = [*map(str, against)]
        folder = runs.local_dataset(_place(run))
        prepared = publish.prepare(folder, repo_id, files, licence=license)
        for warning in prepared.warnings():
            tell(f"note: {warning}")
        return publish.release(prepared, Target(repo_id, revision, tag, private), tell)


def verify(source: Run, *, max_length: int = 1024, progress: Shown = None) -> Verified:
    """Load a dataset back and check it: hashes, schema, splits, stages, TRL's tokenisation.

    Args:
        source: a run, a dataset folder, or ``ORG/NAME[@REVISION]``.
        max_length: tokens at which training would cut a pair.
        progress: see :func:`udasa_data.build`.

    Raises:
        UserError: there is no dataset of this program, or it cannot be fetched.
    """
    with python_words("verify"), watched(progress, "checks") as shown:
        return publish.verify(_place(source), shown.say, max_length, progress=shown)


def diff(a: Run, b: Run, n: int = 1) -> Difference:
    """Return what changed from A to B: pairs gained, lost, flipped, moved between stages.

    Args:
        a: a run, a dataset folder, or ``ORG/NAME[@REVISION]``.
        b: what to compare it with.
        n: examples of each kind.

    Raises:
        UserError: one of them is no finished dataset.
    """
    with python_words("diff"):
        return runs.compare(runs.open_finished(_place(a)), runs.open_finished(_place(b)), n)


def report(run: Run, out: str | Path | None = None, progress: Shown = None) -> Report:
    """Write the page of a run, one HTML file; see ``udasa-data report``.

    Args:
        run: a run, a dataset folder, or ``ORG/NAME[@REVISION]``.
        out: the HTML file, by default ``report.html`` in the run.
        progress: see :func:`udasa_data.build`.

    Raises:
        UserError: no finished run, or the file cannot be written.
    """
    with python_words("report"), watched(progress) as shown:
        return page.write_report(_place(run), None if out is None else Path(out), shown)


def _place(run: Run) -> str:
    return str(run.out if isinstance(run, BuildResult) else run)
