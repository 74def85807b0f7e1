"""The score cache: a scorer's logits of a pair, kept between runs.

One SQLite file; a pair is known by the hash of its texts and of all that decides its score. Safe
under concurrent runs: SQLite serialises the writers. It holds hashes and numbers, no text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from udasa_data.errors import UserError
from udasa_data.scorers.protocol import Floats, TextPair
from udasa_data.storage import user_cache

_CHUNK: Final = 500  # keys in one query
_PATIENCE: Final = 120.0  # seconds to wait for another run's write


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
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def get(self, space: str, pairs: Sequence[TextPair]) -> Known:
        """Return what is known of ``pairs``.

        Args:
            space: all that decides a score beside the pair: model, length, precision.
            pairs: distinct, ordered pairs.

        Raises:
            UserError: the file is no score cache.
        """
        if not self.file.is_file():
            return Known([], [], 0)
        row_of = {key: row for row, key in enumerate(_keys(space, pairs))}
        keys = sorted(row_of)  # neighbours in the index
        found: list[tuple[bytes, bytes, int]] = []
        with self._open() as database:
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                found += database.execute(
                    f"SELECT key, logits, truncated FROM scores WHERE key IN ({marks})",  # noqa: S608 (question marks only)
                    chunk,
                )
        return Known(
            [row_of[key] for key, _, _ in found],
            [np.frombuffer(logits) for _, logits, _ in found],
            sum(truncated for _, _, truncated in found),
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
        rows = zip(_keys(space, pairs), values, map(int, truncated), strict=True)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS scores"
                " (key BLOB PRIMARY KEY, logits BLOB, truncated INTEGER) WITHOUT ROWID"
            )
            database.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self.file, timeout=_PATIENCE)
        try:
            with database:  # one transaction
                yield database
        except sqlite3.DatabaseError as error:
            raise UserError(
                f"score cache {self.file} cannot be used ({error}); delete it, or set UDASA_CACHE "
                "to another folder"
            ) from error
        finally:
            database.close()


def _keys(space: str, pairs: Sequence[TextPair]) -> Iterator[bytes]:
    """Yield the key of each pair: 16 bytes; the lengths keep ("ab", "c") from ("a", "bc")."""
    prefix = f"{len(space)}:{space}".encode()
    for first, second in pairs:
        text = f"{len(first)}:{first}{second}".encode(errors="surrogatepass")
        yield blake2b(prefix + text, digest_size=16).digest()
