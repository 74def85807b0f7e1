"""A dataset that is looked at, and what is found of one thing in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.runs import Manifest
from udasa_data.schema import Stage

STAGES: Final = tuple(str(stage) for stage in Stage)


class Check(NamedTuple):
    """One thing that was looked at. ``passed`` is None when it could not be looked at."""

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class DatasetCopy:
    """A dataset to be looked at.

    Attributes:
        where: the folder, or ``ORG/NAME@commit``.
        manifest: of the dataset.
        paths: where the files of the manifest lie; those that are there.
        card: its README.md.
        load_from: what ``load_dataset`` takes.
        revision: of a repository.
    """

    where: str
    manifest: Manifest
    paths: Mapping[str, Path]
    card: Path | None
    load_from: str
    revision: str | None


def check_of(name: str, wrong: Sequence[str], detail: str) -> Check:
    """Return a check by what is wrong, of which the first is shown; ``detail`` where nothing is."""
    if not wrong:
        return Check(name, passed=True, detail=detail)
    more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
    return Check(name, passed=False, detail=f"{wrong[0]}{more}")
