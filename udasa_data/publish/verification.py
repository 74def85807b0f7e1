"""``verify()``: does a published dataset hold what its manifest says, and can it be trained on?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udasa_data.errors import UserError
from udasa_data.progress import Progress
from udasa_data.publish.check import Check, DatasetCopy
from udasa_data.publish.checks import check_all
from udasa_data.publish.pushing import find_dataset
from udasa_data.publish.repository import Patience, Remote, Tell, quiet_hub
from udasa_data.runs import MANIFEST, local_dataset, read_manifest
from udasa_data.storage import did_you_mean, reads_as_path

MAX_LENGTH: Final = 1024


@dataclass(frozen=True)
class Verified:
    """What came of it.

    Attributes:
        where: the folder, or ``ORG/NAME@commit``.
        checks: in the order in which they were made.
    """

    where: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.passed is not False for check in self.checks)


def verify(
    source: str,
    tell: Tell,
    max_length: int = MAX_LENGTH,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Check a dataset folder, a run, or a repository at a revision.

    A repository is read at one commit throughout, whatever happens to the branch meanwhile.

    Args:
        source: a folder, here or remote, or ``ORG/NAME[@REVISION]``.
        tell: called with what it waits for.
        max_length: tokens at which TRL would cut.
        patience: with a busy Hub.
        progress: shows how many checks are done.

    Raises:
        UserError: there is no dataset of this program, or it cannot be fetched.
    """
    folder = local_dataset(source) if "://" in source else Path(source).expanduser()
    copy = _local(folder) if folder.is_dir() else _fetched(source, tell, patience)
    return Verified(copy.where, tuple(check_all(copy, max_length, progress)))


def _local(folder: Path) -> DatasetCopy:
    dataset = find_dataset(folder)
    manifest = read_manifest(dataset)
    there = {path: dataset / path for path in manifest.files if (dataset / path).is_file()}
    return DatasetCopy(str(dataset), manifest, there, dataset / "README.md", str(dataset), None)


def _fetched(source: str, tell: Tell, patience: Patience | None) -> DatasetCopy:
    """Fetch a repository's files into huggingface_hub's cache, all at one commit."""
    repo_id, _, revision = source.partition("@")
    if repo_id.count("/") != 1 or reads_as_path(source):
        raise UserError(
            f"{source}: no such folder, and no Hub id{did_you_mean(source)}; one reads ORG/NAME or "
            "ORG/NAME@REVISION"
        )
    remote = Remote(repo_id, tell, patience)
    with quiet_hub():
        commit = str(remote.info(revision or "main").sha)
        listed = remote.files(commit)
        if MANIFEST not in listed:
            raise UserError(f"dataset '{repo_id}': holds no {MANIFEST}; UDASA did not make it")
        manifest = read_manifest(remote.fetch(MANIFEST, commit).parent)
        there = {path: remote.fetch(path, commit) for path in manifest.files if path in listed}
        card = remote.fetch("README.md", commit) if "README.md" in listed else None
    return DatasetCopy(f"{repo_id}@{commit}", manifest, there, card, repo_id, commit)
