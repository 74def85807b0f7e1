"""Faults of files: what a bad disk, a full one or another program leaves in a file's place."""

import os
import shutil

WHERE_NOBODY_IS = "nowhere/at/all"


def torn(path, draw):
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content)) if content else 0])


def cut_short(path, draw):
    path.write_bytes(path.read_bytes()[: -draw.choice((1, 2, 8))])


def flipped(path, draw):
    content = bytearray(path.read_bytes())
    if content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def zeroed(path, draw):
    """Zero a block, as a file system does that had no time to write it."""
    content = path.read_bytes()
    start = draw.randrange(len(content) + 1)
    path.write_bytes(content[:start] + bytes(len(content) - start))


def empty(path, _draw):
    path.write_bytes(b"")


def missing(path, _draw):
    path.unlink()


def foreign(path, draw):
    path.write_bytes(draw.choice((b"mine", b'{"mine": true}\n', b"\xff\xfe\x00", b"PAR1mine")))


def folder(path, _draw):
    path.unlink()
    path.mkdir()
    (path / "mine.txt").write_text("mine")


def pipe(path, _draw):
    path.unlink()
    os.mkfifo(path)


def dangling(path, _draw):
    path.unlink()
    path.symlink_to(WHERE_NOBODY_IS)


def unreadable(path, _draw):
    path.chmod(0)


FAULTS = (torn, flipped, cut_short, zeroed, empty, missing, foreign, folder, pipe, dangling)
if os.geteuid() != 0:  # who may read everything
    FAULTS = (*FAULTS, unreadable)
# what is no file, or somebody else's, and must still be there where a command refuses it
KEPT = (foreign, folder, pipe, dangling)


def take_away(path):
    """Remove whatever a fault left."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def looks(path):
    """Return what stands in a file's place, to see later whether it was touched."""
    if path.is_symlink():
        return ("link", str(path.readlink()))
    if path.is_dir():
        return ("folder", sorted(inside.name for inside in path.iterdir()))
    if path.is_fifo():
        return ("pipe",)
    return ("file", path.read_bytes()) if path.is_file() else ("nothing",)
