"""Members of a zip archive, of those too whose compression Python's own module lacks."""

from __future__ import annotations

import struct
import zlib
from typing import Final
from zipfile import BadZipFile, ZipFile

ZSTD: Final = 93  # Python's zipfile knows it from 3.14 on; inspect-ai writes it
_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT 6.3.10, 4.3.7


def member(archive: ZipFile, name: str) -> bytes:
    """Return what a member holds.

    Raises:
        BadZipFile: it is damaged.
        KeyError: there is no such member.
        NotImplementedError: it is compressed by yet another method, or encrypted.
    """
    info = archive.getinfo(name)
    try:
        return archive.read(name)
    except NotImplementedError:
        if info.compress_type != ZSTD:
            raise
    stream = archive.fp
    assert stream is not None
    stream.seek(info.header_offset)
    header = stream.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        raise BadZipFile(f"{name}: its header is cut")
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    stream.seek(name_length + extra_length, 1)
    content = _from_zstd(stream.read(info.compress_size), info.file_size)
    if zlib.crc32(content) != info.CRC:
        raise BadZipFile(f"{name}: its checksum is another")
    return content


def _from_zstd(packed: bytes, size: int) -> bytes:
    import pyarrow as pa

    try:
        return bytes(pa.decompress(packed, decompressed_size=size, codec="zstd", asbytes=True))
    except (OSError, pa.ArrowException) as error:
        raise BadZipFile(f"no Zstandard data ({error})") from error
