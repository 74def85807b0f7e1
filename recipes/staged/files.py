"""Text files, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from udasa_data.places import write_atomically


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file.

    Raises:
        UserError: no space left, or no permission to write.
    """

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_atomically(path, write)
