"""What a user may have meant as a path: such words are never looked up on the Hub."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Final

# endings of files; others, as in a Hub id's v0.1, are no sign of one
_FILES: Final = frozenset(
    {
        *(".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".feather"),
        *(".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz", ".7z", ".xlsx", ".xls", ".ods"),
        *(".yaml", ".yml", ".md", ".html", ".xml", ".db", ".pkl", ".py", ".pdf"),
        *(".safetensors", ".gguf", ".bin", ".pt", ".pth"),
    }
)


def reads_as_path(text: str) -> bool:
    """Return whether a text that names nothing here is a path nevertheless, and no Hub id.

    It is where it begins as one (``./``, ``../``, ``/``, ``~``), has more than one slash, ends as a
    file's name does, or lies in a folder that is here.
    """
    if text.startswith((".", "/", "~")) or text.count("/") > 1 or "\\" in text:
        return True
    if os.path.splitext(text)[1].lower() in _FILES:  # noqa: PTH122 - no path may raise
        return True
    first, slash, _ = text.partition("/")
    return bool(slash and first) and os.path.isdir(first)  # noqa: PTH112


def did_you_mean(text: str) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest name beside a missing path; else ``""``.

    Where the folder that it should lie in is missing, that one is told; and where one alone keeps
    the text from being a Hub id (:func:`reads_as_path`), that one.
    """
    if "://" in text or os.path.exists(text):  # noqa: PTH110 - no path may raise
        return ""
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - no user may raise
    there, missing = path.parent, path.name
    try:
        while not there.is_dir() and there != there.parent:
            there, missing = there.parent, there.name
        close = difflib.get_close_matches(missing, os.listdir(there), 1, 0.6)  # noqa: PTH208
    except (OSError, ValueError):
        return ""
    if close:
        return f" (did you mean '{there / close[0]}'?)"
    if missing != path.name:
        return f" (there is no folder '{there / missing}')"
    first, slash, _ = text.partition("/")
    is_kept = slash and text.count("/") == 1 and first.strip(".~")
    return f" (there is a folder '{first}' here)" if is_kept else ""
