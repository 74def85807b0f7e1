"""The Hugging Face Hub, as far as a build reads from it: which commit a revision is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from udasa_data.errors import UserError, first_line

RepoType = Literal["model", "dataset"]


def commit_of(repo_id: str, revision: str, repo_type: RepoType) -> str:
    """Return the commit hash that ``revision`` of a Hub repository is now.

    Raises:
        UserError: no such repository or revision, no access, or no network.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = f"{repo_type} '{repo_id}'"
    try:
        sha = HfApi().repo_info(repo_id, revision=revision, repo_type=repo_type).sha
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
        raise UserError(
            f"{where}: the Hub cannot be reached to look up revision '{revision}' "
            f"({type(error).__name__}); a local folder or --model tiny needs no network"
        ) from error
    if sha is None:
        raise UserError(f"{where}: the Hub names no commit for revision '{revision}'")
    return sha


def file_of(repo_id: str, commit: str, name: str) -> Path | None:
    """Return one file of a model at a commit, from the cache or the Hub.

    None when the repository has no such file, or when it is neither here nor to be had.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

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


def cached_folder(repo_id: str, commit: str) -> str | None:
    """Return the folder in the Hub's cache that holds a model; None where it was not fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return snapshot_download(repo_id, revision=commit, local_files_only=True)
    except LocalEntryNotFoundError:
        return None
