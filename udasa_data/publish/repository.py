"""A dataset repository on the Hub: what it holds, asked for patiently.

The token is found by huggingface_hub where it always looks and never passes through here, except
to be struck out of whatever is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from udasa_data.errors import UserError
from udasa_data.publish.hub_errors import (
    explained,
    is_network,
    reason_of,
    retry_after,
    status_of,
)

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile

T = TypeVar("T")
Tell = Callable[[str], None]

_BUSY: Final = frozenset({429, 500, 502, 503, 504})


class Stale(Exception):  # noqa: N818 - a state of the repository, not a fault
    """The branch has moved since its head was read (HTTP 412)."""


@dataclass(frozen=True)
class Patience:
    """How often a busy Hub is asked again, and how long one wait may be, in seconds."""

    tries: int = 6
    first_wait: float = 1.0
    longest_wait: float = 300.0


class RemoteFile(NamedTuple):
    """A file of a repository: size in bytes, and its content's id.

    ``sha256`` for large files; ``git_oid``, git's blob id, for regular ones.
    """

    size: int
    sha256: str | None
    git_oid: str | None


class Remote:
    """A dataset repository, and the manners to ask for it."""

    def __init__(self, repo_id: str, tell: Tell, patience: Patience | None = None) -> None:
        from huggingface_hub import HfApi

        self.repo_id = repo_id
        self.api = HfApi()
        self._tell = tell
        self._patience = patience or Patience()

    def user(self) -> str:
        """Return who the token belongs to.

        Raises:
            UserError: there is no token, or the Hub refuses it.
        """
        return str(self.ask(self.api.whoami)["name"])

    def create(self, *, private: bool) -> None:
        """Make the repository unless it is there.

        Raises:
            UserError: not allowed; or it is there, public, and ``private`` was asked for.
        """
        self.ask(
            lambda: self.api.create_repo(
                self.repo_id, repo_type="dataset", private=private, exist_ok=True
            )
        )
        if private and not self.info("main").private:
            raise UserError(
                f"{self.repo_id} is there already, and public: --private makes new repositories "
                "private. Change it on the Hub, or give another name"
            )

    def info(self, revision: str) -> Any:
        """Return huggingface_hub's description of the repository at a revision."""
        return self.ask(lambda: self.api.dataset_info(self.repo_id, revision=revision))

    def head(self, branch: str) -> str:
        """Return the commit that a branch is at; the branch is made from main if missing."""
        from huggingface_hub.errors import RevisionNotFoundError

        try:
            return str(self.ask(lambda: self._info(branch).sha))
        except UserError as error:
            if not isinstance(error.__cause__, RevisionNotFoundError):
                raise
        self.ask(
            lambda: self.api.create_branch(
                self.repo_id, branch=branch, repo_type="dataset", exist_ok=True
            )
        )
        return str(self.info(branch).sha)

    def _info(self, revision: str) -> Any:
        return self.api.dataset_info(self.repo_id, revision=revision)

    def files(self, commit: str) -> dict[str, RemoteFile]:
        """Return all files at a commit, by path."""
        from huggingface_hub.hf_api import RepoFile

        def read() -> dict[str, RemoteFile]:
            listed = self.api.list_repo_tree(
                self.repo_id, recursive=True, revision=commit, repo_type="dataset"
            )
            return {file.path: _as_file(file) for file in listed if isinstance(file, RepoFile)}

        return self.ask(read)

    def fetch(self, name: str, commit: str) -> Path:
        """Return a file at a commit, from huggingface_hub's cache or the Hub."""

        def fetch() -> str:
            return self.api.hf_hub_download(
                self.repo_id, name, repo_type="dataset", revision=commit
            )

        return Path(self.ask(fetch))

    def tags(self) -> dict[str, str]:
        """Return the commit of each tag."""
        refs = self.ask(lambda: self.api.list_repo_refs(self.repo_id, repo_type="dataset"))
        return {tag.name: tag.target_commit for tag in refs.tags}

    def tag(self, name: str, commit: str) -> None:
        """Set a tag."""
        self.ask(
            lambda: self.api.create_tag(
                self.repo_id, tag=name, revision=commit, repo_type="dataset"
            )
        )

    def ask(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns; a busy or unreachable Hub is asked again, with waits.

        Raises:
            Stale: HTTP 412.
            UserError: anything else that stays wrong, in one line and without secrets.
        """
        for attempt in range(self._patience.tries):
            try:
                return call()
            except Exception as error:
                wait = self._wait(error, attempt)
                if wait is None or attempt + 1 == self._patience.tries:
                    raise explained(error, self.repo_id) from error
                self._tell(f"{reason_of(error)}: trying again in {wait:.0f} s")
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _wait(self, error: Exception, attempt: int) -> float | None:
        """Return for how many seconds to wait, None when waiting does not help."""
        status = status_of(error)
        if status == 412:
            raise Stale from error
        if status is None and not is_network(error):
            return None
        if status is not None and status not in _BUSY:
            return None
        asked = retry_after(error)
        if asked is not None and asked > self._patience.longest_wait:
            return None
        return self._patience.first_wait * 2**attempt if asked is None else asked


def _as_file(file: RepoFile) -> RemoteFile:
    if file.lfs is None:
        return RemoteFile(file.size, None, file.blob_id)
    return RemoteFile(file.size, file.lfs.sha256, None)


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Keep huggingface_hub from logging: its warnings hold the signed addresses of uploads."""
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
