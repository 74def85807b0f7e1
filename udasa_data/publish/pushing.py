"""``push()``: a dataset folder → one commit on the Hub, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from udasa_data.errors import UserError
from udasa_data.publish.repository import Patience, Remote, RemoteFile, Stale, Tell, quiet_hub
from udasa_data.runs import MANIFEST, Manifest, parse_manifest, read_manifest
from udasa_data.storage import file_sha256, plain_file

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

MAX_FILES: Final = 99
MAX_FILE_BYTES: Final = 500_000_000
_RACES: Final = 5  # how often a moving branch is followed
# what a new repository, or one made by hand before the first push, may hold
_HARMLESS: Final = frozenset({".gitattributes", "README.md", "LICENSE"})


@dataclass(frozen=True)
class Content:
    """What a repository is to hold: path → a local file, or the text itself."""

    files: Mapping[str, Path | bytes]

    def sizes(self) -> dict[str, int]:
        """Return the size of each file in bytes, by path, in order."""
        return {
            path: len(file) if isinstance(file, bytes) else file.stat().st_size
            for path, file in sorted(self.files.items())
        }


@dataclass(frozen=True)
class Target:
    """Where to push: a branch of a dataset repository, and the tag to set on the commit."""

    repo_id: str
    branch: str = "main"
    tag: str | None = None
    private: bool = False


@dataclass(frozen=True)
class Pushed:
    """What a push came to.

    Attributes:
        commit: that holds the dataset now.
        changed: files added or replaced; removed: files of the push before, deleted. Both are
            empty when the very same dataset was there already.
    """

    repo_id: str
    commit: str
    url: str
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def is_no_op(self) -> bool:
        """Whether there was nothing to do."""
        return not self.changed and not self.removed


def find_dataset(source: Path) -> Path:
    """Return the dataset folder of a run directory, or ``source`` when it is one itself.

    Raises:
        UserError: it is neither.
    """
    for folder in (source / "dataset", source):
        if (folder / MANIFEST).is_file() and (folder / "data").is_dir():  # a run has the first too
            return folder
    raise UserError(f"{source}: holds no finished run (no dataset/{MANIFEST})")


def content_of(folder: Path, card: str) -> Content:
    """Return all that a repository is to hold, with ``card`` as its README.md.

    Raises:
        UserError: a file is missing or is not what the manifest says, or there is more than one
            commit takes.
    """
    manifest = read_manifest(folder)
    files: dict[str, Path | bytes] = {}
    for path, record in manifest.files.items():
        local = plain_file(folder, path)
        if not local.is_file() or file_sha256(local) != record.sha256:
            raise UserError(
                f"{local}: missing, or not what {MANIFEST} says; build again to write it anew"
            )
        if local.stat().st_size > MAX_FILE_BYTES:
            raise UserError(f"{local}: larger than 500 MB; build again to write it in shards")
        files[path] = local
    for path in (*manifest.figures, MANIFEST, "config.yaml"):
        files[path] = plain_file(folder, path)
    files["README.md"] = card.encode()
    if len(files) > MAX_FILES:
        raise UserError(f"{folder}: {len(files)} files; one commit takes {MAX_FILES}")
    return Content(files)


def push(content: Content, target: Target, tell: Tell, patience: Patience | None = None) -> Pushed:
    """Put the dataset on the Hub in one commit, on top of whatever the branch is at.

    Files are uploaded first and are invisible until the commit, which is made against the head
    that was read: when the branch has moved in between, the new head is looked at. If it still
    holds the dataset that was there at the start (somebody edited something else), the commit is
    made on top of it; if somebody pushed another dataset meanwhile, this push ends and says so.

    Args:
        content: see :func:`content_of`.
        target: where.
        tell: called with what it waits for.
        patience: with a busy Hub.

    Raises:
        UserError: no token, not allowed, another's dataset, a tag that is elsewhere, a race lost,
            or a Hub that stays unreachable. Nothing of this push is visible then.
    """
    remote = Remote(target.repo_id, tell, patience)
    with quiet_hub():
        remote.user()
        remote.create(private=target.private)
        tagged = remote.tags().get(target.tag) if target.tag else None
        pushed = _commit(remote, content, target, tagged, tell)
        if target.tag and tagged is None:
            remote.tag(target.tag, pushed.commit)
    return pushed


@dataclass(frozen=True)
class _Difference:
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def _commit(
    remote: Remote, content: Content, target: Target, tagged: str | None, tell: Tell
) -> Pushed:
    """Commit what differs; ``tagged`` is where the wanted tag stands already."""
    started_with: RemoteFile | None = None
    wanted = {path: _identity(file) for path, file in content.files.items()}
    committed = _Difference((), ())
    for race in range(_RACES):
        head = remote.head(target.branch)
        existing = remote.files(head)
        if race == 0:
            started_with = existing.get(MANIFEST)
        old = _old_manifest(remote, existing, head)
        changes = _difference(wanted, existing, old)
        is_there = not changes.changed and not changes.removed
        if tagged is not None and not (is_there and tagged == head):
            raise UserError(
                f"dataset '{target.repo_id}': tag '{target.tag}' is at commit {tagged[:12]} "
                "already, and tags do not move; give another"
            )
        if is_there:  # perhaps by our own commit, its answer lost
            return _pushed(remote, head, committed)
        if existing.get(MANIFEST) != started_with:
            raise UserError(
                f"dataset '{target.repo_id}': another dataset was pushed there meanwhile (commit "
                f"{head[:12]}); nothing of this one was published. To put it on top, push again"
            )
        committed = changes
        try:
            return _pushed(remote, _send(remote, content, target, changes, head), changes)
        except Stale:
            tell(f"{target.branch} has moved since {head[:12]}: looking again")
    raise UserError(
        f"dataset '{target.repo_id}': the branch {target.branch} moved {_RACES} times while "
        "pushing; nothing was published. Push again"
    )


def _send(remote: Remote, content: Content, target: Target, changes: _Difference, head: str) -> str:
    """Make the commit against ``head``; return its hash."""

    def send() -> str:
        commit = remote.api.create_commit(
            target.repo_id,
            _operations(content, changes),
            commit_message=_message(content),
            repo_type="dataset",
            revision=target.branch,
            parent_commit=head,
        )
        return str(commit.oid)

    return remote.ask(send)


def _operations(
    content: Content, changes: _Difference
) -> Sequence[CommitOperationAdd | CommitOperationDelete]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added = [CommitOperationAdd(path, content.files[path]) for path in changes.changed]
    return [*added, *(CommitOperationDelete(path) for path in changes.removed)]


def _message(content: Content) -> str:
    manifest = content.files[MANIFEST]
    assert isinstance(manifest, Path)
    counts = read_manifest(manifest.parent).counts
    return f"{counts.pairs} pairs from {counts.prompts} prompts"


def _identity(file: Path | bytes) -> tuple[str, str]:
    """Return a content's sha256 and its git blob id, both hex: the Hub knows it by either."""
    content = file if isinstance(file, bytes) else file.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return hashlib.sha256(content).hexdigest(), git.hexdigest()


def _difference(
    wanted: Mapping[str, tuple[str, str]], existing: Mapping[str, RemoteFile], old: Manifest | None
) -> _Difference:
    def is_same(path: str) -> bool:
        if path not in existing:
            return False
        sha256, git_oid = wanted[path]
        return existing[path].sha256 == sha256 or existing[path].git_oid == git_oid

    previous = () if old is None else (*old.files, *old.figures)
    return _Difference(
        tuple(path for path in sorted(wanted) if not is_same(path)),
        tuple(path for path in sorted(set(previous)) if path in existing and path not in wanted),
    )


def _old_manifest(remote: Remote, existing: Mapping[str, RemoteFile], head: str) -> Manifest | None:
    """Return the manifest of the push before; None in a new repository.

    Raises:
        UserError: the repository holds something that this program did not put there.
    """
    if MANIFEST not in existing:
        foreign = sorted(set(existing) - _HARMLESS)
        if foreign:
            raise UserError(
                f"dataset '{remote.repo_id}': holds files that no push made ({foreign[0]}, …), and "
                f"no {MANIFEST}; give another name"
            )
        return None
    text = remote.fetch(MANIFEST, head).read_text(encoding="utf-8")
    return parse_manifest(text, f"{MANIFEST} of dataset '{remote.repo_id}'")


def _pushed(remote: Remote, commit: str, changes: _Difference) -> Pushed:
    url = f"{remote.api.endpoint}/datasets/{remote.repo_id}/tree/{commit}"
    return Pushed(remote.repo_id, commit, url, changes.changed, changes.removed)
