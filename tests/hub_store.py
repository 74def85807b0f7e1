"""The repositories of a test Hub, in a directory: commits, refs, regular and large files.

A commit is a JSON file that names its parent and its tree, as git's are; contents are stored once,
regular ones by their git id, large ones by their sha256. Nothing of a commit is there before its
ref moves, and the ref moves under a lock.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path


class Missing(Exception):  # noqa: N818
    """Carries the Hub's word for what is missing: RepoNotFound, RevisionNotFound, EntryNotFound."""


class Conflict(Exception):  # noqa: N818
    """The parent named is not the head."""


@dataclass(frozen=True)
class File:
    oid: str  # git blob id
    size: int
    sha256: str | None = None  # of a large file

    def as_json(self, path):
        lfs = {"oid": self.sha256, "size": self.size, "pointerSize": 130}
        return {
            "type": "file",
            "path": path,
            "oid": self.oid,
            "size": self.size,
            **({"lfs": lfs} if self.sha256 else {}),
        }


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Repo:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.Lock()

    @property
    def state(self):
        return json.loads((self.root / "repo.json").read_text())

    def _save(self, state):
        temporary = self.root / "repo.json.tmp"
        temporary.write_text(json.dumps(state))
        temporary.replace(self.root / "repo.json")

    def gate(self) -> None:
        """Ask for terms to be accepted: metadata stay public, files do not."""
        self._save({**self.state, "gated": "manual"})

    def create(self, *, private):
        for name in ("commits", "blobs", "lfs"):
            (self.root / name).mkdir(parents=True)
        self._save({"private": private, "branches": {}, "tags": {}})
        attributes = b"*.parquet filter=lfs\n*.png filter=lfs\n"
        self.commit("main", None, "initial commit", {".gitattributes": self.put(attributes)}, [])

    def put(self, content: bytes) -> File:
        oid = git_oid(content)
        (self.root / "blobs" / oid).write_bytes(content)
        return File(oid, len(content))

    def large(self, sha256: str) -> Path:
        return self.root / "lfs" / sha256

    def resolve(self, revision: str) -> str:
        state = self.state
        for refs in (state["branches"], state["tags"]):
            if revision in refs:
                return refs[revision]
        if (self.root / "commits" / f"{revision}.json").is_file():
            return revision
        raise Missing("RevisionNotFound")

    def tree(self, commit: str) -> dict[str, File]:
        files = json.loads((self.root / "commits" / f"{commit}.json").read_text())["files"]
        return {path: File(**file) for path, file in files.items()}

    def history(self, revision: str) -> list[str]:
        """Commits, newest first."""
        found, commit = [], self.resolve(revision)
        while commit:
            found.append(commit)
            commit = json.loads((self.root / "commits" / f"{commit}.json").read_text())["parent"]
        return found

    def content(self, file: File) -> bytes:
        return (
            self.large(file.sha256) if file.sha256 else self.root / "blobs" / file.oid
        ).read_bytes()

    def commit(self, branch, parent, title, added, deleted) -> str:
        """Raises Conflict when ``parent`` is named and is not the head."""
        with self.lock:
            state = self.state
            head = state["branches"].get(branch)
            if parent is not None and parent != head:
                raise Conflict
            if head is None and state["branches"]:
                raise Missing("RevisionNotFound")
            files = self.tree(head) if head else {}
            for path in deleted:
                if path not in files:
                    raise Missing("EntryNotFound")
                del files[path]
            files |= added
            plain = {path: vars(file) for path, file in sorted(files.items())}
            made = json.dumps({"parent": head, "title": title, "files": plain})
            commit = hashlib.sha1(made.encode()).hexdigest()
            (self.root / "commits" / f"{commit}.json").write_text(made)
            state["branches"][branch] = commit
            self._save(state)
            return commit

    def set_ref(self, kind, name, commit) -> bool:
        with self.lock:
            state = self.state
            if name in state[kind]:
                return False
            state[kind][name] = commit
            self._save(state)
            return True


class Store:
    """All repositories below a directory: ``datasets/org/name``, ``models/org/name``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[Path, Repo] = {}

    def repo(self, kind: str, repo_id: str) -> Repo:
        path = self.root / kind / repo_id
        if not (path / "repo.json").is_file():
            raise Missing("RepoNotFound")
        return self._open.setdefault(path, Repo(path))

    def create(self, kind: str, repo_id: str, *, private: bool) -> bool:
        path = self.root / kind / repo_id
        if path.exists():
            return False
        self._open.setdefault(path, Repo(path)).create(private=private)
        return True
