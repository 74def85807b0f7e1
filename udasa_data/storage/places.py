"""Where a run lives: a local folder, or a folder on any file system that fsspec knows.

Local files are written under a temporary name, synced and renamed. A put into an object store
(s3://, gs://) is there whole or not at all by itself. What two processes may both want to decide
is written with :func:`write_new`, which one of them alone can win, on either kind.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage.object_stores import Remote, file_system, reached
from udasa_data.storage.parquet import parquet_metadata, read_parquet

_TEMPORARY: Final = ".tmp-"
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


def read_tables(files: Sequence[Place]) -> list[pl.DataFrame]:
    """Read Parquet files, those of an object store many at once, in the order given."""
    tables = []
    for start in range(0, len(files), _AT_ONCE):
        some = files[start : start + _AT_ONCE]
        tables += [read_parquet(source) for source in _sources(some)]
    return tables


def read_metadata(files: Sequence[Place]) -> list[dict[str, str]]:
    """Return the key-value metadata of Parquet files, in the order given."""
    found = []
    for start in range(0, len(files), _AT_ONCE):
        some = files[start : start + _AT_ONCE]
        found += [parquet_metadata(source) for source in _sources(some)]
    return found


def _sources(files: Sequence[Place]) -> list[Path | io.BytesIO]:
    if not any(isinstance(file, Remote) for file in files):
        return [file for file in files if isinstance(file, Path)]
    first = files[0]
    assert isinstance(first, Remote)
    with reached(first) as (fs, _):
        paths = [fs._strip_protocol(str(file)) for file in files]  # noqa: SLF001 (fsspec's own way)
        contents: dict[str, bytes] = fs.cat(paths)
        return [io.BytesIO(contents[path]) for path in paths]


def remove(file: Place) -> None:
    """Delete a file, which another process may have deleted already."""
    with suppress(FileNotFoundError):
        if isinstance(file, Path):
            file.unlink()
            return
        with reached(file) as (fs, path):
            fs.rm_file(path)


def write_atomically(file: Place, write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a temporary file, then put it in the place of ``file`` as a whole.

    Raises:
        UserError: no space left, or no permission to write.
    """
    if isinstance(file, Remote):
        with tempfile.TemporaryDirectory() as folder:
            filled = Path(folder) / file.name
            write(filled)
            with reached(file, writing=True) as (fs, path):
                fs.put_file(str(filled), path)
        return
    temporary = _temporary(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as filled_file:
            os.fsync(filled_file.fileno())
        temporary.replace(file)
    except (OSError, pl.exceptions.PolarsError) as error:  # polars wraps some of the system's
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unwritable(file, error) from error


def write_text(file: Place, text: str) -> None:
    """Write a UTF-8 file as a whole.

    Raises:
        UserError: no space left, or no permission to write.
    """

    def fill(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_atomically(file, fill)


def write_new(file: Place, text: str) -> bool:
    """Write a file unless there is one; of processes that do so at once, one alone succeeds.

    Returns:
        whether it was this call that wrote it.

    Raises:
        UserError: no space left, or no permission to write.
    """
    if isinstance(file, Remote):
        try:
            with reached(file, writing=True) as (fs, path):
                if fs.exists(path):  # not every store knows conditional writes
                    return False
                fs.pipe_file(path, text.encode(), mode="create")
        except FileExistsError:
            return False
        return True
    temporary = _temporary(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        with temporary.open("rb") as filled_file:
            os.fsync(filled_file.fileno())
        _link(temporary, file)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(file, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True


def _link(temporary: Path, file: Path) -> None:
    """Give a whole file its name, which fails where there is one."""
    try:
        os.link(temporary, file)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOSYS, errno.ENOTSUP}:
            raise
        with file.open("x", encoding="utf-8") as alone:  # a file system without hard links
            alone.write(temporary.read_text(encoding="utf-8"))


def replace_folder(target: Place, fill: Callable[[Path], None]) -> None:
    """Have ``fill`` make a folder under a temporary name, then put it in ``target``'s place.

    In an object store a folder cannot be exchanged at once: the new files are put first, the card
    (README.md), which names those that count, after them, and what is left over is deleted last.
    """
    if isinstance(target, Remote):
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder))
            _put_folder(Path(folder), target)
        return
    temporary = _temporary(target)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        if target.exists():
            old = _temporary(target)
            target.replace(old)
            temporary.replace(target)
            shutil.rmtree(old)
        else:
            temporary.replace(target)
    except (OSError, pl.exceptions.PolarsError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise _unwritable(target, error) from error


def _put_folder(folder: Path, target: Remote) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    files.sort(key=lambda path: path.name == "README.md")
    with reached(target, writing=True) as (fs, root):
        for path in files:
            fs.put_file(str(path), f"{root}/{path.relative_to(folder).as_posix()}")
        new = {f"{root}/{path.relative_to(folder).as_posix()}" for path in files}
        for left_over in set(fs.find(root)) - new:
            fs.rm_file(left_over)


@contextmanager
def locked(folder: Place, *, shared: bool = False) -> Iterator[None]:
    """Hold a run directory for this process; the lock ends with the process, however it ends.

    An object store has no locks, and needs none: a file there is whole, and a shard that two
    processes make is the same shard. A file system without locks is used without.

    Args:
        folder: made if missing.
        shared: beside others that share it; a lock that is not shared excludes them.

    Raises:
        UserError: another process holds it, or the directory cannot be made.
    """
    if isinstance(folder, Remote):
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a+")  # NFS wants it readable for a shared lock
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from error
    with lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP}:
                raise UserError(f"{folder}: another build is running there") from error
        if not shared:
            for left_over in folder.rglob(f"{_TEMPORARY}*"):
                shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
        yield


def _temporary(target: Path) -> Path:
    """Return a name beside ``target`` that no other process has, on this machine or another."""
    return target.parent / f"{_TEMPORARY}{uuid.uuid4().hex[:12]}-{target.name}"


def _unwritable(path: Path, error: Exception) -> UserError:
    """Return what a failed write means to the user."""
    full = getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}
    if full or "No space left" in str(error):
        return UserError(
            f"{path.parent}: no space left on the device; free some, then run the same command "
            "again: it goes on from here"
        )
    return UserError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})")
