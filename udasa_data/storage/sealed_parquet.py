"""Parquet files that carry the hash of their own bytes, in their metadata.

For a table that travels alone, with no manifest beside it that could hold its hash. The metadata
stand at the end of a file, as plain bytes: the file is hashed with zeros in the hash's place.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from udasa_data.config import read_bytes
from udasa_data.storage.parquet import read_parquet
from udasa_data.storage.places import Place
from udasa_data.storage.writing import write_atomically

_SEAL: Final = b"udasa.sha256"
_BLANK: Final = b"0" * 64
_BETWEEN: Final = 2  # bytes between a key and its value: the value's type and its length


def write_sealed(file: Place, table: pl.DataFrame, metadata: Mapping[str, str] = {}) -> None:
    """Write a table as a whole, with the hash of what is written.

    Args:
        file: the place.
        table: its rows.
        metadata: stored with it.

    Raises:
        UserError: no space left, or no permission to write.
    """
    buffer = io.BytesIO()
    table.write_parquet(buffer, metadata={**metadata, _SEAL.decode(): _BLANK.decode()})
    content = buffer.getvalue()
    start = _hash_at(content)
    assert content[start : start + len(_BLANK)] == _BLANK
    digest = hashlib.sha256(content).hexdigest().encode()
    sealed = content[:start] + digest + content[start + len(_BLANK) :]
    write_atomically(file, lambda path: path.write_bytes(sealed))


def read_sealed(file: Path) -> pl.DataFrame:
    """Read a table, and check it first where it carries a hash.

    Raises:
        OSError: it cannot be opened, or is no file.
        polars.exceptions.PolarsError: no Parquet file, or not as it was written.
    """
    content = read_bytes(file)
    if not is_whole(content):
        raise pl.exceptions.ComputeError("damaged: not as it was written")
    return read_parquet(io.BytesIO(content))


def is_whole(content: bytes) -> bool:
    """Return whether the bytes of a Parquet file are as they were written, as far as they say."""
    start = _hash_at(content)
    if start < 0:
        return True  # of an earlier version, or somebody else's
    end = start + len(_BLANK)
    blank = content[:start] + _BLANK + content[end:]
    return hashlib.sha256(blank).hexdigest().encode() == content[start:end]


def _hash_at(content: bytes) -> int:
    """Return where the hash begins; -1 where there is none."""
    found = content.rfind(_SEAL)
    return -1 if found < 0 else found + len(_SEAL) + _BETWEEN
