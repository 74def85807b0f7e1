"""The Hugging Face Hub, as far as a build reads from it: what a revision is, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from udasa_data.errors import UserError, first_line

RepoType = Literal["model", "dataset"]


class UnreachableError(UserError):
    """The Hub cannot be reached, or its network cannot."""


class Listing(NamedTuple):
    """What a repository, or a folder, holds.

    Attributes:
        commit: of a repository; None of a folder.
        files: name → bytes.
        missing: those of them that are not on this machine yet.
        licence: as its card says; None where it does not.
        parameters: of its safetensors, by their type (BF16, F32, …); empty where nothing tells.
    """

    commit: str | None
    files: Mapping[str, int]
    missing: frozenset[str] = frozenset()
    licence: str | None = None
    parameters: Mapping[str, int] = {}


def commit_of(repo_id: str, revision: str, repo_type: RepoType) -> str:
    """Return the commit hash that ``revision`` of a Hub repository is now.

    Raises:
        UnreachableError: no network, or the Hub does not answer.
        UserError: no such repository or revision, or no access.
    """
    return _sha(_info(repo_id, revision, repo_type), repo_id, revision, repo_type)


def listing_of(repo_id: str, revision: str, repo_type: RepoType) -> Listing:
    """Return what a repository holds at a revision, by its metadata alone.

    Raises:
        UserError: as :func:`commit_of`.
    """
    info = _info(repo_id, revision, repo_type, files_metadata=True)
    commit = _sha(info, repo_id, revision, repo_type)
    files = {entry.rfilename: int(entry.size or 0) for entry in info.siblings or ()}
    here = set(cached_files(repo_id, commit, repo_type))
    card = getattr(info, "card_data", None)
    weights = getattr(info, "safetensors", None)
    return Listing(
        commit,
        files,
        frozenset(set(files) - here),
        _licence({} if card is None else card.to_dict()),
        dict(weights.parameters) if weights else {},
    )


def cached_files(repo_id: str, commit: str, repo_type: RepoType) -> dict[str, int]:
    """Return the files of a repository's commit that are in the Hub's cache: name → bytes."""
    folder = cached_folder(repo_id, commit, repo_type)
    if folder is None:
        return {}
    root = Path(folder)
    found = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.stat().st_size for path in found}


def cache_folder() -> Path:
    """Return the folder of the Hub's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def file_of(repo_id: str, commit: str, name: str) -> Path | None:
    """Return one file of a model at a commit, from the cache or the Hub.

    None when the repository has no such file, or when it is neither here nor to be had.

    Raises:
        UserError: its terms are not accepted, or something else refuses it.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    with _in_words(repo_id, commit, "model"):
        try:
            return Path(hf_hub_download(repo_id, name, revision=commit))
        except EntryNotFoundError:  # also of a file that is not in the cache, without a network
            return None


def is_offline() -> bool:
    """Return whether the user wants no network to be asked (``HF_HUB_OFFLINE``)."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    return bool(HF_HUB_OFFLINE)


def model_file_names(repo_id: str, commit: str) -> list[str]:
    """Return the names of a model's files at a commit; none where that cannot be asked."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    try:
        return HfApi().list_repo_files(repo_id, revision=commit)
    except (OSError, ValueError, httpx.HTTPError):
        return []


def has_folder(repo_id: str, commit: str, path: str) -> bool | None:
    """Return whether a dataset has such a folder at a commit; None where that cannot be asked."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFolder
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    try:
        found = HfApi().get_paths_info(repo_id, [path], repo_type="dataset", revision=commit)
    except (OSError, ValueError, httpx.HTTPError):
        return None
    return any(isinstance(entry, RepoFolder) for entry in found)


def dataset_files(repo_id: str, commit: str, patterns: list[str]) -> Path:
    """Download the files of a dataset at a commit that match; return their folder in the cache.

    Raises:
        UserError: they cannot be had, with the Hub's reason.
    """
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            repo_id, repo_type="dataset", revision=commit, allow_patterns=patterns
        )
    except Exception as error:  # its HTTP library changes between releases
        raise UserError(f"dataset '{repo_id}' at {commit[:12]}: {first_line(error)}") from error
    return Path(found)


def card_of(repo_id: str, revision: str, repo_type: RepoType) -> dict[str, Any]:
    """Return the front matter of a repository's card; empty without a card or without a network."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    try:
        info = HfApi().repo_info(repo_id, revision=revision, repo_type=repo_type)
    except (OSError, ValueError, httpx.HTTPError):  # not to know is an answer here
        return {}
    card = getattr(info, "card_data", None)
    return {} if card is None else dict(card.to_dict())


def cached_folder(repo_id: str, commit: str, repo_type: RepoType = "model") -> str | None:
    """Return the folder in the Hub's cache that holds a commit; None where none was fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return snapshot_download(
            repo_id, revision=commit, repo_type=repo_type, local_files_only=True
        )
    except LocalEntryNotFoundError:
        return None


def _info(repo_id: str, revision: str, repo_type: RepoType, *, files_metadata: bool = False) -> Any:
    from huggingface_hub import HfApi

    with _in_words(repo_id, revision, repo_type):
        return HfApi().repo_info(
            repo_id, revision=revision, repo_type=repo_type, files_metadata=files_metadata
        )


def _sha(info: Any, repo_id: str, revision: str, repo_type: RepoType) -> str:
    if info.sha is None:
        raise UserError(
            f"{repo_type} '{repo_id}': the Hub names no commit for revision '{revision}'"
        )
    return str(info.sha)


@contextmanager
def _in_words(repo_id: str, revision: str, repo_type: RepoType) -> Iterator[None]:
    """Say in one line what keeps the Hub from answering.

    Raises:
        UserError: no such repository or revision, no access, or no network.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = f"{repo_type} '{repo_id}'"
    try:
        yield
    except HFValidationError as error:
        raise UserError(f"{where}: neither an existing path nor a Hub id (ORG/NAME)") from error
    except RevisionNotFoundError as error:
        raise UserError(f"{where}: the Hub has no revision '{revision}' of it") from error
    except GatedRepoError as error:
        raise UserError(
            f"{where} is gated: accept its terms on the Hub, then: hf auth login"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"{where}: not on the Hub, or private (to sign in: hf auth login)"
        ) from error
    except Exception as error:  # its HTTP library changes between releases
        raise UnreachableError(
            f"{where}: the Hub cannot be reached to look up revision '{revision}' "
            f"({type(error).__name__}); a local folder or --model tiny needs no network"
        ) from error


def _licence(card: Mapping[str, Any]) -> str | None:
    """Return the licence that a card names; of one with a name of its own, that."""
    found = card.get("license")
    if found == "other":
        found = card.get("license_name") or found
    return ", ".join(map(str, found)) if isinstance(found, list) else found and str(found)
