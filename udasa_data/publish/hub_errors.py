"""What an error of the Hub means to the user: one line, without tokens or signatures."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from udasa_data.errors import UserError

_TOKEN: Final = re.compile(r"hf_[A-Za-z0-9_]{6,}|(?<=[?&])(X-Amz-[A-Za-z]+|Signature)=[^&\s]+")


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
    return UserError(f"{where}: {reason_of(error)}; try again later")


def reason_of(error: Exception) -> str:
    """Return an error in a few words, without secrets."""
    status = status_of(error)
    if status is not None:
        return f"the Hub answers {status} ({_message(error)})"
    if is_network(error):
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


def is_network(error: BaseException | None) -> bool:
    """Return whether the Hub was not reached, so that asking again may help."""
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


def retry_after(error: BaseException | None) -> float | None:
    """Return the seconds that the Hub asks to wait; None where it does not."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            value = response.headers.get("Retry-After", "")
            return float(value) if re.fullmatch(r"\d+(\.\d+)?", value) else None
        error = error.__cause__
    return None
