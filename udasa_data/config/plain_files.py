"""Files as they are read everywhere: a pipe in a file's place is refused, not waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def require_file(path: Path) -> None:
    """Refuse what is there and is no file.

    Raises:
        OSError: it is not there, or is a folder, a pipe or a device; ``strerror`` says what.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, where a file belongs", str(path))


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: as :func:`require_file`, or it cannot be read.
    """
    require_file(path)
    return path.read_bytes()
