"""The score cache: a scorer's logits of a pair, kept between runs.

One SQLite file; a pair is known by the hash of its texts and of all that decides its score. Safe
under concurrent runs: SQLite serialises the writers. It holds hashes and numbers, no text. Each
row ends with its own hash, since SQLite does not notice a flipped bit. It is only a cache: what
cannot be read or written is told once, and done without; a damaged row is not taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np

from udasa_data.scorers.protocol import Floats, TextPair
from udasa_data.storage import user_cache

_CHUNK: Final = 500  # keys in one query
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS scores"
    " (key BLOB PRIMARY KEY, logits BLOB, truncated INTEGER) WITHOUT ROWID"
)
_CHECK: Final = 8  # bytes of a row's hash
_UNUSABLE: Final = (sqlite3.Error, UnicodeDecodeError)  # the latter of a damaged schema
_PATIENCE: Final = 120.0  # seconds to wait for another run's write


def take_no_line(_line: str) -> None:
    """Tell nobody."""


class Known(NamedTuple):
    """What the cache holds of N pairs."""

    rows: list[int]  # of the pairs found
    logits: list[Floats]
    truncated: int  # how many of them were longer than the model takes


def default_file() -> Path:
    """Return ``$UDASA_CACHE/scores.sqlite``, by default under the user's cache folder."""
    return user_cache() / "scores.sqlite"


class ScoreCache:
    """Scores by pair, in one file.

    Args:
        file: of the cache; made with its folder at the first write.
        on_unusable: called with a line for the user when it cannot be read, or not written: once.
    """

    def __init__(self, file: Path, on_unusable: Callable[[str], None] = take_no_line) -> None:
        self.file = file
        self._on_unusable = on_unusable
        self._given_up: set[str] = set()

    def get(self, space: str, pairs: Sequence[TextPair], classes: int | None = None) -> Known:
        """Return what is known of ``pairs``.

        Args:
            space: all that decides a score beside the pair: model, length, precision.
            pairs: distinct, ordered pairs.
            classes: how many logits a pair has; what has more or fewer is damaged, and not taken.
        """
        row_of = {key: row for row, key in enumerate(_keys(space, pairs))}
        keys = sorted(row_of)  # neighbours in the index
        found: list[tuple[bytes, bytes, int]] = []
        with self._open("read") as database:
            for start in range(0, len(keys) if database else 0, _CHUNK):
                assert database is not None
                chunk = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                found += database.execute(
                    f"SELECT key, logits, truncated FROM scores WHERE key IN ({marks})",  # noqa: S608 (question marks only)
                    chunk,
                )
        found = [(row[0], row[1][:-_CHECK], row[2]) for row in found if _is_whole(row, classes)]
        return Known(
            [row_of[key] for key, _, _ in found],
            [np.frombuffer(logits) for _, logits, _ in found],
            sum(truncated == 1 for _, _, truncated in found),
        )

    def put(
        self,
        space: str,
        pairs: Sequence[TextPair],
        logits: Floats,
        truncated: Sequence[bool],
    ) -> None:
        """Add pairs with their logits [N, classes], all or none of them."""
        values = (row.tobytes() for row in np.ascontiguousarray(logits, dtype=np.float64))
        rows = (
            (key, value + _hash_of(key, value, cut), cut)
            for key, value, cut in zip(
                _keys(space, pairs), values, map(int, truncated), strict=True
            )
        )
        with self._open("written") as database:
            if database is not None:
                database.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", rows)

    @contextmanager
    def _open(self, to_be: Literal["read", "written"]) -> Iterator[sqlite3.Connection | None]:
        """Yield the database in one transaction; None where there is none that can be used."""
        database = None if self._given_up & {"read", to_be} else self._connected(to_be)
        try:
            with database or nullcontext():
                yield database
        except _UNUSABLE as error:
            self._give_up(to_be, error)
        finally:
            if database is not None:
                database.close()

    def _connected(self, to_be: Literal["read", "written"]) -> sqlite3.Connection | None:
        database: sqlite3.Connection | None = None
        try:
            if to_be == "written":
                self.file.parent.mkdir(parents=True, exist_ok=True)
            elif not self.file.is_file():
                return None
            database = sqlite3.connect(self.file, timeout=_PATIENCE)
            with database:
                database.execute(_TABLE)
        except (*_UNUSABLE, OSError) as error:
            if database is not None:
                database.close()
            self._give_up(to_be, error)
            return None
        return database

    def _give_up(self, to_be: str, error: Exception) -> None:
        if not self._given_up:
            self._on_unusable(
                f"the score cache {self.file} cannot be {to_be} ({error}): scored without it; "
                "delete it, or set UDASA_CACHE to another folder"
            )
        self._given_up.add(to_be)


def _is_whole(row: tuple[object, object, object], classes: int | None) -> bool:
    """Return whether a row is as it was written, and has as many logits as there are classes."""
    key, value, cut = row
    if not (isinstance(key, bytes) and isinstance(value, bytes) and isinstance(cut, int)):
        return False
    logits, check = value[:-_CHECK], value[-_CHECK:]
    n = len(logits) // 8 if classes is None else classes
    return len(logits) == 8 * n and check == _hash_of(key, logits, cut)


def _hash_of(key: bytes, logits: bytes, truncated: int) -> bytes:
    return blake2b(key + logits + str(truncated).encode(), digest_size=_CHECK).digest()


def _keys(space: str, pairs: Sequence[TextPair]) -> Iterator[bytes]:
    """Yield the key of each pair: 16 bytes; the lengths keep ("ab", "c") from ("a", "bc").

    The texts are those that the model is fed: rendered, and cut where they were too long.
    """
    prefix = f"{len(space)}:{space}".encode()
    for first, second, _ in pairs:
        text = f"{len(first)}:{first}{second}".encode(errors="surrogatepass")
        yield blake2b(prefix + text, digest_size=16).digest()
