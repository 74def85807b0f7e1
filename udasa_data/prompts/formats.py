"""What kind of rows a file holds, by its name, and its content out of a compressed file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Final

from udasa_data.errors import UserError, first_line

# ending → kind
_KINDS: Final[Mapping[str, str]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".jl": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "txt",
}
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")
TABLES: Final = frozenset({"parquet", "arrow"})  # kinds with typed columns
KNOWN: Final = f"{', '.join(_KINDS)}; behind one of them {', '.join(_PACKED)}"


def kind_of(name: str) -> str | None:
    """Return the kind of rows that a file of this name holds; None where it is not known.

    Endings count in any case; behind them may stand ``.gz``, ``.bz2``, ``.xz`` or ``.zst``.
    """
    endings = [ending.lower() for ending in PurePosixPath(name).suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    return _KINDS.get(endings[-1]) if endings else None


def stem_of(name: str) -> str:
    """Return a file's name without the endings that say what it holds."""
    path = PurePosixPath(name)
    if path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    return path.stem if path.suffix.lower() in _KINDS else path.name


def is_packed(name: str) -> bool:
    """Return whether a file of this name is compressed."""
    return name.lower().endswith(_PACKED)


def unpacked(place: object, content: bytes) -> bytes:
    """Return what a file holds, decompressed where its first bytes say that it is compressed.

    Names are not asked: browsers and servers decompress on the way, and leave ``.gz`` in the name.

    Raises:
        UserError: damaged, or cut short.
    """
    for mark, (name, unpack) in _UNPACK.items():
        if content.startswith(mark):
            try:
                return unpack(content)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                problem = f"not a readable {name} file ({first_line(error)})"
                raise UserError(f"{place}: {problem}; it may have been cut short") from error
    return content


def _zstandard(content: bytes) -> bytes:
    import pyarrow as pa  # of datasets; Python has it from 3.14 on

    with pa.input_stream(io.BytesIO(content), compression="zstd") as stream:
        return bytes(stream.read())


_UNPACK: Final[Mapping[bytes, tuple[str, Callable[[bytes], bytes]]]] = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"\x28\xb5\x2f\xfd": ("Zstandard", _zstandard),
    b"\xfd7zXZ\0": ("xz", lzma.decompress),
    **{b"BZh%d1AY&SY" % level: ("bzip2", bz2.decompress) for level in range(1, 10)},
}
