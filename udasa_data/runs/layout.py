"""The names that a run directory holds, and by which of them it is known as one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.config import read_bytes
from udasa_data.storage import LOCK, IsOurs, parse_json, remove_left_over

MANIFEST: Final = "manifest.json"
COPY: Final = "manifest.copy.json"  # of the manifest; read where that one is damaged
LOG: Final = "log.txt"  # how the steps went, start after start
GIVEN_ROWS: Final = "given.jsonl"  # prompts or answers that a Python program gave as rows

_SHARD: Final = re.compile(r"\d{5,}-[0-9a-f]{16}\.(dropped\.parquet|parquet|json)")
_PRECISION: Final = re.compile(r"[0-9a-f]{16}\.precision")
_PART: Final = re.compile(r"\d{5,}-[0-9a-f]{16}\.\d{3,}\.json")
_DATASET: Final = re.compile(
    r"README\.md|manifest\.json|config\.yaml|figures/[a-z_]+\.png"
    r"|data/[a-z]+/(train|test)(-(\d{5}-)?[0-9a-f]{12})?\.parquet"
)


class Layout(NamedTuple):
    """What a kind of run directory holds; nothing else in it is ever replaced or deleted.

    Attributes:
        holds: the kind, as a user would say it.
        marks: keys of its manifest, one of which a manifest of ours has.
        files: names directly in it.
        levels: the folders of files in it, and whether a name is one of theirs.
        folders: the folders that are replaced as a whole, and whether a path in one is ours.
    """

    holds: str
    marks: frozenset[str]
    files: frozenset[str]
    levels: Mapping[str, IsOurs]
    folders: Mapping[str, IsOurs]

    @property
    def mark(self) -> str:
        """What stands in the lock file of such a directory."""
        return f"{self.holds}\n"

    def is_one(self, folder: Path) -> bool:
        """Return whether a folder is such a directory, however far it came before it was killed."""
        if _reads(folder / LOCK) == self.mark:
            return True
        return any(self.marks & _keys(folder / name) for name in (MANIFEST, COPY))

    def tidy(self, folder: Path) -> None:
        """Delete what killed processes left half-written."""
        remove_left_over(folder, self.files.__contains__, self.folders)
        for name, is_file in self.levels.items():
            remove_left_over(folder / name, is_file, {})


def is_shard_file(name: str) -> bool:
    """Return whether a name in ``samples/`` or ``scores/`` is of a file that a build makes."""
    return bool(_SHARD.fullmatch(name) or _PRECISION.fullmatch(name))


def is_part_file(name: str) -> bool:
    """Return whether a name in ``parts/`` is of a file that a build makes."""
    return _PART.fullmatch(name) is not None


def is_dataset_file(path: str) -> bool:
    """Return whether a path in a dataset folder is of a file that a build makes."""
    return _DATASET.fullmatch(path) is not None


BUILD: Final = Layout(
    holds="run of udasa-data",
    marks=frozenset({"sampled_from"}),
    files=frozenset(
        {
            *(MANIFEST, COPY, LOCK, "config.yaml", "calibration.json", "report.html"),
            *("prompts.parquet", "pairs.parquet", "dropped.parquet", LOG, GIVEN_ROWS),
        }
    ),
    levels={"samples": is_shard_file, "scores": is_shard_file, "parts": is_part_file},
    folders={"dataset": is_dataset_file},
)


def _reads(file: Path) -> str:
    try:
        return read_bytes(file).decode()
    except (OSError, ValueError):
        return ""


def _keys(file: Path) -> frozenset[str]:
    try:
        found = parse_json(read_bytes(file))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(found) if isinstance(found, dict) else frozenset()
