"""The lock of a run directory: one process builds in it, or several that share it."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from udasa_data.errors import UserError
from udasa_data.storage.object_stores import Remote
from udasa_data.storage.places import Place

LOCK: Final = ".lock"  # in a run directory


@contextmanager
def locked(
    folder: Place, *, shared: bool = False, tidy: Callable[[Path], None] = lambda _folder: None
) -> Iterator[None]:
    """Hold a run directory for this process; the lock ends with the process, however it ends.

    An object store has no locks, and needs none: a file there is whole, and a shard that two
    processes make is the same shard. A file system without locks is used without.

    Args:
        folder: made if missing.
        shared: beside others that share it; a lock that is not shared excludes them.
        tidy: removes what killed processes left half-written, where the lock is not shared.

    Raises:
        UserError: another process holds it, or the directory cannot be made.
    """
    if isinstance(folder, Remote):
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a+")  # NFS wants it readable for a shared lock
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from error
    with lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP}:
                raise UserError(f"{folder}: another build is running there") from error
        if not shared:
            tidy(folder)
        yield
