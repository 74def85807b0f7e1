"""Bytes of a text file → its text, whichever system wrote it, and its lines."""

from __future__ import annotations

import codecs
import re
from typing import Final

from udasa_data.errors import UserError
from udasa_data.storage import Place

_LINE_ENDS: Final = re.compile(r"\r\n|\n|\r")
_MARKS: Final = (  # the longer first: UTF-16's begins UTF-32's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_NO_TEXT: Final = {
    b"PK\x03\x04": "a zip file or an Excel workbook",
    b"PAR1": "a Parquet file",
}


def decoded(path: Place, content: bytes) -> str:
    """Return the text of a file: UTF-8, or what the mark at its beginning says.

    Raises:
        UserError: some bytes are no such text, or it is a file of another kind.
    """
    mark, encoding = next((m for m in _MARKS if content.startswith(m[0])), (b"", "utf-8"))
    if not mark and b"\0" in content[:2]:  # UTF-16 without its mark: the first letter is ASCII's
        encoding = "utf-16-be" if content.startswith(b"\0") else "utf-16-le"
    content = content[len(mark) :]
    kind = next((kind for start, kind in _NO_TEXT.items() if content.startswith(start)), None)
    if kind:
        raise UserError(f"{path}: is {kind} by its content, not text; name it so, or convert it")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        above = content[: error.start].decode(encoding, "ignore")
        raise UserError(
            f"{path}, line {len(lines_of(above))}: not {encoding[:6].rstrip('-').upper()} text; "
            "convert the file to UTF-8"
        ) from error


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text, which end in ``\n``, ``\r\n`` or ``\r`` and in nothing else.

    A mark (U+FEFF) at a line's beginning, as joined files have it, is no part of it. After the
    last line end stands one more line, empty for most files.
    """
    return [line.removeprefix("\ufeff") for line in _LINE_ENDS.split(text)]
