"""JSON objects that carry the hash of what is in them, and keys of artifacts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

_SEAL: Final = "sha256"


def key_of(*parts: object) -> str:
    """Return the sha256 (hex) of JSON-able parts: the key of an artifact made from them."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts as plain JSON values, with the hash of the rest among them."""
    plain = json.loads(json.dumps(facts, allow_nan=False))
    return {**plain, _SEAL: key_of(plain)}


def is_sealed(found: Mapping[str, Any]) -> bool:
    """Return whether an object carries a hash at all."""
    return _SEAL in found


def unsealed(found: object) -> dict[str, Any]:
    """Return the facts that were sealed.

    Raises:
        ValueError: they are no object, or not what was sealed.
    """
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 (what a file holds, not what a caller passed)
    facts = {name: value for name, value in found.items() if name != _SEAL}
    if found.get(_SEAL) != key_of(facts):
        raise ValueError("damaged: not as it was written")
    return facts


def checked(found: object) -> dict[str, Any]:
    """Return the facts of an object that carries its hash, or of one that never had any.

    Raises:
        ValueError: it is no object, or not what was sealed.
    """
    if isinstance(found, dict) and not is_sealed(found):
        return found
    return unsealed(found)
