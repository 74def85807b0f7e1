"""What is in a folder, byte for byte; and files of somebody else, put into one."""

from pathlib import Path


def everything(folder: Path) -> dict[str, str | bytes]:
    """Every path below a folder → its content; a link → what it names."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def put_foreign(folder: Path, *names: str) -> dict[str, bytes]:
    """Write files of somebody else; return them by their names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    return dict.fromkeys(names, b"mine")
