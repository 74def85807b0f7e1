"""A dataset repository on the Hub: what it holds, asked for patiently; faults in one line.

The token is found by huggingface_hub where it always looks and never passes through here, except
to be struck out of whatever is shown.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from udasa_data.errors import UserError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile

T = TypeVar("T")
Tell = Callable[[str], None]

_TOKEN: Final = re.compile(r"hf_[A-Za-z0-9_]{6,}|(?<=[?&])(X-Amz-[A-Za-z]+|Signature)=[^&\s]+")
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
                self._tell(f"{_reason(error)}: trying again in {wait:.0f} s")
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _wait(self, error: Exception, attempt: int) -> float | None:
        """Return for how many seconds to wait, None when waiting does not help."""
        status = status_of(error)
        if status == 412:
            raise Stale from error
        if status is None and not _is_network(error):
            return None
        if status is not None and status not in _BUSY:
            return None
        asked = _retry_after(error)
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


def status_of(error: BaseException | None) -> int | None:
    """Return the HTTP status behind an error, looking through what was raised from it."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return int(response.status_code)
        error = error.__cause__
    return None


def explained(error: Exception, repo_id: str) -> UserError:
    """Return what an error of huggingface_hub means to the user."""
    from huggingface_hub import errors

    if isinstance(error, UserError):
        return error
    where, status = f"dataset '{repo_id}'", status_of(error)
    kinds: tuple[tuple[Any, str], ...] = (
        (errors.LocalTokenNotFoundError, "no token: sign in with `hf auth login`, or set HF_TOKEN"),
        (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE is set: nothing can be read or written"),
        (errors.HFValidationError, "no Hub id: it reads ORG/NAME"),
        (errors.RevisionNotFoundError, "no such revision on the Hub"),
        (errors.GatedRepoError, "gated: accept its terms on the Hub, then `hf auth login`"),
        (
            errors.RepositoryNotFoundError,
            "not on the Hub as a dataset, or private and not yours (sign in: `hf auth login`)",
        ),
    )
    for kind, meaning in kinds:
        if isinstance(error, kind):
            return UserError(f"{where}: {meaning}")
    if status == 401:
        return UserError(f"{where}: the Hub refuses the token; sign in again: `hf auth login`")
    if status == 403:
        return UserError(
            f"{where}: the token may not write there; give a name of yours, or a token that may "
            f"(the Hub says: {_message(error)})"
        )
    if getattr(error, "errno", None) == 28 or "No space left" in str(error):
        return UserError(
            f"{where}: no space left for the download; free some (or set HF_HOME to another disk), "
            "then run the same command again"
        )
    return UserError(f"{where}: {_reason(error)}; try again later")


def _reason(error: Exception) -> str:
    status = status_of(error)
    if status is not None:
        return f"the Hub answers {status} ({_message(error)})"
    if _is_network(error):
        return f"the Hub cannot be reached ({type(_root(error)).__name__})"
    return f"{type(_root(error)).__name__}: {_message(error)}"


def _message(error: Exception) -> str:
    """Return the first line of an error's message, without tokens or signatures."""
    root = _root(error)
    text = getattr(root, "server_message", None) or str(root)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(root).__name__]
    return redacted(lines[0])[:200]


def redacted(text: str) -> str:
    """Return a text without anything that looks like a token or a signature, or is the token."""
    from huggingface_hub import get_token

    known = get_token()
    return _TOKEN.sub("(hidden)", text.replace(known, "(hidden)") if known else text)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None and not hasattr(error, "response"):
        error = error.__cause__
    return error


def _is_network(error: BaseException | None) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    while error is not None:
        if isinstance(error, OfflineModeIsEnabled):
            return False
        # an answer that is no JSON is a proxy's page, not the Hub's
        if isinstance(error, (httpx.TransportError, json.JSONDecodeError, ConnectionError)):
            return True
        error = error.__cause__
    return False


def _retry_after(error: BaseException | None) -> float | None:
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            value = response.headers.get("Retry-After", "")
            return float(value) if re.fullmatch(r"\d+(\.\d+)?", value) else None
        error = error.__cause__
    return None
