"""Files of GitHub repositories, at a commit."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

from udasa_data.errors import UserError, first_line
from udasa_data.storage.hub import is_offline
from udasa_data.storage.places import user_cache
from udasa_data.storage.writing import write_atomically

RAW: Final = "https://raw.githubusercontent.com"
MIRROR: Final = "UDASA_GITHUB_RAW"  # names another server of the same paths, as HF_ENDPOINT does


def github_file(repository: str, commit: str, name: str, sha256: str | None = None) -> Path:
    """Return a file of a GitHub repository, from the user's cache or the network.

    Args:
        repository: ``OWNER/NAME``.
        commit: 40 hex digits.
        name: its path in the repository.
        sha256: that its bytes must have (hex), unless a mirror is named; None where not known.

    Raises:
        UserError: it cannot be had, or is another file.
    """
    mirror = os.environ.get(MIRROR)
    kept = user_cache() / "github" / repository / commit / name
    if not mirror and kept.is_file() and _is(kept.read_bytes(), sha256):
        return kept
    address = f"{mirror or RAW}/{repository}/{commit}/{quote(name)}"
    if is_offline() and not mirror:
        raise UserError(f"{address}: not in {kept.parent}, and HF_HUB_OFFLINE is set")
    content = _downloaded(address)
    if not (mirror or _is(content, sha256)):
        raise UserError(f"{address}: is another file than was looked up (its sha256 differs)")
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, lambda path: Path(path).write_bytes(content))
    return kept


def _is(content: bytes, sha256: str | None) -> bool:
    return sha256 is None or hashlib.sha256(content).hexdigest() == sha256


def _downloaded(address: str) -> bytes:
    import httpx2

    try:
        reply = httpx2.get(address, follow_redirects=True, timeout=30)
        reply.raise_for_status()
    except (httpx2.HTTPError, OSError) as error:
        raise UserError(f"{address}: cannot be had ({first_line(error)})") from error
    content: bytes = reply.content
    return content
