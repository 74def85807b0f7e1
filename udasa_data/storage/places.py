"""Where a run lives: a local folder, or a folder on any file system that fsspec knows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

from udasa_data.config import read_bytes, require_file
from udasa_data.errors import UserError
from udasa_data.storage.object_stores import Remote, file_system, reached

_AT_ONCE: Final = 256  # files of an object store that are fetched together


Place: TypeAlias = Path | Remote


def place_of(where: str | Path | Remote) -> Place:
    """Return the place that a user's words mean: a path, or an address with ``://``.

    Raises:
        UserError: no such kind of address, or the package that speaks it is missing.
    """
    if isinstance(where, Path | Remote):
        return where
    protocol, mark, rest = where.partition("://")
    if not mark:
        return Path(where)
    if protocol in {"file", "local"}:
        return Path(rest)
    remote = Remote(where.rstrip("/"))
    if not rest.strip("/"):
        raise UserError(f"{where}: names no bucket; an address reads {protocol}://BUCKET/FOLDER")
    file_system(remote)
    return remote


def user_cache() -> Path:
    """Return ``$UDASA_CACHE``, by default ``udasa`` under the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("UDASA_CACHE") or Path(home) / "udasa")


def names_in(folder: Place) -> set[str]:
    """Return the names of the files in a folder; none where it does not exist."""
    if isinstance(folder, Path):
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    try:
        with reached(folder) as (fs, path):
            return {name.rpartition("/")[2] for name in fs.ls(path, detail=False, refresh=True)}
    except FileNotFoundError:
        return set()


def read_files(files: Sequence[Place]) -> Iterator[bytes | None]:
    """Yield the contents of files in the order given, None for one that is not there.

    Those of an object store are fetched many at once.

    Raises:
        UserError: a file that is there cannot be read.
    """
    for start in range(0, len(files), _AT_ONCE):
        chunk = files[start : start + _AT_ONCE]
        if isinstance(chunk[0], Remote):
            yield from _fetched(chunk[0], chunk)
            continue
        for file in chunk:
            assert isinstance(file, Path)
            try:
                yield read_bytes(file)
            except (FileNotFoundError, NotADirectoryError):
                yield None
            except OSError as error:
                raise UserError(f"{file}: cannot be read ({error.strerror})") from error


def _fetched(first: Remote, files: Sequence[Place]) -> list[bytes | None]:
    with reached(first) as (fs, _):
        paths = [fs._strip_protocol(str(file)) for file in files]  # noqa: SLF001 (fsspec's own way)
        contents: dict[str, bytes | Exception] = fs.cat(paths, on_error="return")
        for path in paths:
            found = contents[path]
            if isinstance(found, Exception) and not isinstance(found, FileNotFoundError):
                raise found
    return [found if isinstance(found := contents[path], bytes) else None for path in paths]


def file_sha256(file: Path) -> str:
    """Return the sha256 (hex) of a file's content.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    require_file(file)
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def remove(file: Place) -> None:
    """Delete a file, which another process may have deleted already."""
    with suppress(FileNotFoundError):
        if isinstance(file, Path):
            file.unlink()
            return
        with reached(file) as (fs, path):
            fs.rm_file(path)
