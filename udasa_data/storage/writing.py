"""Files and folders are there whole or not at all, on a disk and in an object store.

Local files are written under a temporary name, synced and renamed. A put into an object store
(s3://, gs://) is there whole or not at all by itself. What two processes may both want to decide
is written with :func:`write_new`, which one of them alone can win, on either kind.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage.object_stores import Remote, reached
from udasa_data.storage.ownership import IsOurs, is_all_ours, made_in, remove_made, temporary_beside
from udasa_data.storage.places import Place, file_sha256


def write_atomically(file: Place, write: Callable[[Path], object]) -> str:
    """Have ``write`` fill a temporary file, then put it in the place of ``file`` as a whole.

    Returns:
        the sha256 (hex) of its content.

    Raises:
        UserError: no space left, or no permission to write.
    """
    if isinstance(file, Remote):
        with tempfile.TemporaryDirectory() as folder:
            filled = Path(folder) / file.name
            write(filled)
            with reached(file, writing=True) as (fs, path):
                fs.put_file(str(filled), path)
            return file_sha256(filled)
    temporary = temporary_beside(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as filled_file:
            os.fsync(filled_file.fileno())
        digest = file_sha256(temporary)
        temporary.replace(file)
    except (OSError, pl.exceptions.PolarsError) as error:  # polars wraps some of the system's
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unwritable(file, error) from error
    return digest


def write_text(file: Place, text: str) -> str:
    """Write a UTF-8 file as a whole; return the sha256 (hex) of its content.

    Raises:
        UserError: no space left, or no permission to write.
    """

    def fill(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    return write_atomically(file, fill)


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
    temporary = temporary_beside(file)
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


def replace_folder(target: Place, fill: Callable[[Path], None], is_ours: IsOurs) -> None:
    """Have ``fill`` make a folder under a temporary name, then put it in ``target``'s place.

    Where the old folder holds something that is not ours, or is an object store's, it is not
    exchanged as a whole: the new files are put first, the card (README.md), which names those that
    count, after them, and what of ours is left over is deleted last.

    Args:
        target: the folder.
        fill: makes the new one, in an empty folder.
        is_ours: whether a path in it is of a file that ``fill`` may make, now or earlier.

    Raises:
        UserError: no space left, no permission to write, or ``target`` is a link.
    """
    if isinstance(target, Remote):
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder))
            _put_folder(Path(folder), target, is_ours)
        return
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UserError(f"{target}: is a link or a file, where a folder of ours belongs; move it")
    temporary = temporary_beside(target)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        if not target.exists():
            temporary.replace(target)
        elif is_all_ours(target, is_ours):
            old = temporary_beside(target)
            target.replace(old)
            temporary.replace(target)
            remove_made(old, is_ours)
        else:
            _lay_over(temporary, target, is_ours)
    except (OSError, pl.exceptions.PolarsError) as error:
        remove_made(temporary, is_ours)
        raise _unwritable(target, error) from error


def _lay_over(new: Path, target: Path, is_ours: IsOurs) -> None:
    """Put the files of one folder into another, and delete what of ours is left over there."""
    files = _card_last(new)
    names = {path.relative_to(new).as_posix() for path in files}
    for path in files:
        place = target / path.relative_to(new)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
    for path in list(made_in(target, is_ours)):
        if path.relative_to(target).as_posix() not in names:
            path.unlink(missing_ok=True)
    remove_made(new, is_ours)


def _card_last(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return sorted(files, key=lambda path: path.name == "README.md")


def _put_folder(folder: Path, target: Remote, is_ours: IsOurs) -> None:
    files = _card_last(folder)
    with reached(target, writing=True) as (fs, root):
        for path in files:
            fs.put_file(str(path), f"{root}/{path.relative_to(folder).as_posix()}")
        new = {f"{root}/{path.relative_to(folder).as_posix()}" for path in files}
        for left_over in set(fs.find(root)) - new:
            if is_ours(left_over.removeprefix(f"{root}/")):
                fs.rm_file(left_over)


def _unwritable(path: Path, error: Exception) -> UserError:
    """Return what a failed write means to the user."""
    full = getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}
    if full or "No space left" in str(error):
        return UserError(
            f"{path.parent}: no space left on the device; free some, then run the same command "
            "again: it resumes from here"
        )
    return UserError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})")
