"""``udasa-data push``: a run's dataset → one commit on the Hub, then verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from udasa_data.cli.options import JsonOption
from udasa_data.terminal import echo, print_json

if TYPE_CHECKING:
    from udasa_data.publish import Target


def push(
    run: Annotated[str, typer.Argument(help="A run directory, or a dataset folder.")],
    repo_id: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The Hub dataset.")],
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.")
    ] = False,
    revision: Annotated[str, typer.Option(help="The branch to push to.")] = "main",
    tag: Annotated[str | None, typer.Option(help="Tag the commit, for example v1.")] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="[NAME=]FILE of evaluation prompts to look for. May be given again."),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            "--license", help="Licence of prompts whose source states none, as cc-by-4.0."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files and their sizes; push nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Push a dataset to the Hub in one commit, and verify it. The same push again does nothing."""
    from udasa_data.publish import Target
    from udasa_data.runs import local_dataset

    target = Target(repo_id, revision, tag, private)
    found = local_dataset(run)
    push_dataset(found, target, against or [], licence=licence, dry_run=dry_run, as_json=as_json)


def push_dataset(
    run: Path,
    target: Target,
    against: list[str],
    *,
    licence: str | None = None,
    dry_run: bool = False,
    as_json: bool = False,
    built: dict[str, Any] | None = None,
) -> None:
    """Push, verify, and print what came of it; exits with 1 when a check fails.

    Where the build is a part of the same command, ``built`` is what the JSON object holds of it;
    what it holds of the push is then under ``push``.
    """
    from udasa_data.cli.checks import checks_table, files_table
    from udasa_data.publish import prepare, release

    prepared = prepare(run, target.repo_id, against, look_up=not dry_run, licence=licence)
    for warning in prepared.warnings():
        echo(f"note: {warning}", err=True)
    if dry_run:
        sizes = prepared.content.sizes()
        print_json({"files": sizes}) if as_json else files_table(sizes, target.repo_id)
        return
    released = release(prepared, target, lambda message: echo(message, err=True))
    pushed, verified = released.pushed, released.verified
    if as_json:
        facts = {
            "repo_id": pushed.repo_id,
            "commit": pushed.commit,
            "url": pushed.url,
            "changed": not pushed.is_no_op,
            "checks": [check._asdict() for check in verified.checks],
        }
        print_json(facts if built is None else {**built, "push": facts})
    else:
        echo(
            f"Nothing to do: {pushed.repo_id} holds this dataset already."
            if pushed.is_no_op
            else f"pushed: {len(pushed.changed)} files, {len(pushed.removed)} old ones removed"
        )
        echo(pushed.url)
        checks_table(verified)
    if not verified.passed:
        raise typer.Exit(1)
