"""``push()``: files → one commit of a Hub dataset, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.errors import UserError

_RACES: Final = 3  # how often a branch that moves is followed
_OURS: Final = ("data/",)  # folders in which files of an earlier push are deleted


class Pushed(NamedTuple):
    """What a push came to; ``changed`` is False where the very same files were there already."""

    commit: str
    url: str
    changed: bool


def push(files: Mapping[str, Path | bytes], repo_id: str, message: str) -> Pushed:
    """Put files into a dataset repository in one commit, on top of the head that was read.

    Files under ``data/`` that are no longer among them are deleted in the same commit. Uploads are
    invisible until the commit; when the branch moves meanwhile, the new head is read and the
    commit made on top of that.

    Args:
        files: path → local file, or content; fewer than 100.
        repo_id: ORG/NAME, made when it is not there.
        message: of the commit.

    Raises:
        UserError: no token, no permission, no such organisation, or no way to the Hub.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    api = HfApi()
    where = f"dataset '{repo_id}'"
    try:
        api.whoami()
        api.create_repo(repo_id, repo_type="dataset", exist_ok=True)
        for _ in range(_RACES):
            pushed = _commit(api, files, repo_id, message)
            if pushed is not None:
                return pushed
    except LocalTokenNotFoundError as error:
        raise UserError("no Hub token; sign in first: hf auth login") from error
    except HFValidationError as error:
        raise UserError(f"{where}: no Hub id (ORG/NAME)") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        reason = "not allowed" if status in {401, 403} else f"the Hub answers {status}"
        raise UserError(f"{where}: {reason}; nothing was published") from error
    except OSError as error:
        raise UserError(
            f"{where}: the Hub cannot be reached ({type(error).__name__}); nothing was published"
        ) from error
    raise UserError(f"{where}: its branch moved {_RACES} times; nothing was published, push again")


def _commit(
    api: object, files: Mapping[str, Path | bytes], repo_id: str, message: str
) -> Pushed | None:
    """Make the commit against the head as it is now; None where the head has moved."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    assert isinstance(api, HfApi)
    info = api.dataset_info(repo_id)
    present = {file.rfilename for file in info.siblings or ()}
    stale = [path for path in sorted(present) if path.startswith(_OURS) and path not in files]
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationAdd(path, content) for path, content in files.items()),
        *(CommitOperationDelete(path) for path in stale),
    ]
    try:
        commit = api.create_commit(
            repo_id,
            operations,
            commit_message=message,
            repo_type="dataset",
            parent_commit=info.sha,
        )
    except HfHubHTTPError as error:
        if error.response.status_code == 412:
            return None
        raise
    return Pushed(commit.oid, str(commit.commit_url), commit.oid != info.sha)
