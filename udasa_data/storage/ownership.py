"""What in a folder is ours. Only that is ever replaced or deleted; all else is left alone.

A folder is ours when it was empty as we came to it, or holds what we alone write. In it, a file is
ours by its exact name at its exact place. Links are never followed, folders that we did not make
never entered.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

from udasa_data.errors import UserError

IsOurs: TypeAlias = Callable[[str], bool]  # whether a path, relative and with "/", is one we write

_TEMPORARY: Final = re.compile(r"\.tmp-[0-9a-f]{12}-(?P<name>.+)", re.DOTALL)


def temporary_beside(target: Path) -> Path:
    """Return a name beside ``target`` that no other process has, on this machine or another."""
    return target.parent / f".tmp-{uuid.uuid4().hex[:12]}-{target.name}"


def target_of(temporary: str) -> str | None:
    """Return the name that a temporary file of ours was to have; None for any other name."""
    found = _TEMPORARY.fullmatch(temporary)
    return found["name"] if found else None


def claim(folder: Path, is_ours: Callable[[Path], bool], holds: str) -> None:
    """Refuse to write into a folder that is somebody else's; writes nothing itself.

    Args:
        folder: to be written into; there, or not there yet.
        is_ours: whether a folder with something in it is one of ours.
        holds: what a folder of ours holds, as a user would say it.

    Raises:
        UserError: no folder, or one with something in it that is not ours.
    """
    if not folder.is_dir():
        if folder.exists() or folder.is_symlink():
            raise UserError(f"{folder}: is no folder; give another --out")
        return
    try:
        names = [entry.name for entry in os.scandir(folder) if not _counts_for_nothing(entry.name)]
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from error
    if names and not is_ours(folder):
        raise UserError(
            f"{folder}: is not empty and holds no {holds}; nothing was written. Give another "
            "--out: a new or an empty folder"
        )


def claim_file(file: Path, is_ours: Callable[[Path], bool], holds: str) -> None:
    """Refuse to replace a file that is not one of ours.

    Raises:
        UserError: there is another kind of file, a link, or something that is no file.
    """
    if file.is_symlink() or (file.exists() and not (file.is_file() and is_ours(file))):
        raise UserError(
            f"{file}: is there and is no {holds}; nothing was written. Move it, or give another "
            "--out"
        )


def plain_file(folder: Path, path: str) -> Path:
    """Return a file by its relative path in a folder, which may be a stranger's.

    Raises:
        UserError: it leads out of the folder, or through a link.
    """
    place = folder
    for part in path.split("/"):
        place /= part
        if part in {"", ".", ".."} or place.is_symlink():
            raise UserError(f"{folder / path}: leads through a link, which is not followed here")
    return place


def made_in(folder: Path, is_ours: IsOurs) -> Iterator[Path]:
    """Yield the files of ours below a folder, without following a link."""
    for place, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(files):
            path = Path(place) / name
            if not path.is_symlink() and is_ours(path.relative_to(folder).as_posix()):
                yield path


def is_all_ours(folder: Path, is_ours: IsOurs) -> bool:
    """Return whether a folder holds nothing but files of ours, in folders and not behind links.

    An empty folder in it is somebody else's.
    """
    for place, folders, files in os.walk(folder, followlinks=False):
        if not (folders or files) and Path(place) != folder:
            return False
        paths = [Path(place) / name for name in (*folders, *files)]
        if any(path.is_symlink() for path in paths):
            return False
        names = [(Path(place) / name).relative_to(folder).as_posix() for name in files]
        if not all(is_ours(name) for name in names):
            return False
    return True


def remove_made(folder: Path, is_ours: IsOurs) -> None:
    """Delete the files of ours below a folder, and the folders that are empty then."""
    if folder.is_symlink():
        return
    for path in list(made_in(folder, is_ours)):
        path.unlink(missing_ok=True)
    for place, _, _ in os.walk(folder, topdown=False, followlinks=False):
        with suppress(OSError):  # somebody else's files are in it
            Path(place).rmdir()


def remove_left_over(folder: Path, is_file: IsOurs, folders: Mapping[str, IsOurs]) -> None:
    """Delete what killed processes left half-written, directly in a folder.

    Args:
        folder: a level that we made; one behind a link is left alone.
        is_file: whether a file of this name is one that we write here.
        folders: the folders that we replace as a whole here, and what we write in each.
    """
    if folder.is_symlink() or not folder.is_dir():
        return
    for entry in list(os.scandir(folder)):
        name = target_of(entry.name)
        if name is None or entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False) and name in folders:
            remove_made(Path(entry.path), folders[name])
        elif entry.is_file(follow_symlinks=False) and is_file(name):
            Path(entry.path).unlink(missing_ok=True)


def remove_left_over_of(*files: Path) -> None:
    """Delete what killed processes left half-written of files that lie among others'."""
    for file in files:
        remove_left_over(file.parent, file.name.__eq__, {})


def _counts_for_nothing(name: str) -> bool:
    """Return whether a file manager or an editor put this into a folder by itself.

    Nor counts the mark of a process of ours that comes at the same moment.
    """
    return target_of(name) == ".lock" or name in {
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        ".ipynb_checkpoints",
        ".directory",
    }
