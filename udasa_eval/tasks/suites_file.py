"""Suites by name, and suites of a user's own: which tasks, of how many documents each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import yaml
from msgspec import Meta

from udasa_data.config import Strict, convert, read_yaml
from udasa_data.errors import UserError, nearest

OURS: Final = "udasa_"  # how the names of our tasks begin
_FILES: Final = {".yaml", ".yml"}


Count: TypeAlias = Annotated[int, Meta(ge=1)]


class Part(Strict, frozen=True):
    """How much of a task is asked.

    Attributes:
        limit: documents at most; None: all.
        max_tokens: of an answer; None: as the task has.
    """

    limit: Count | None = None
    max_tokens: Count | None = None


class SuiteFile(Strict, frozen=True):
    """The content of ``suites.yaml``."""

    suites: dict[str, dict[str, Count | Part | None]]
    borrowed: dict[str, dict[str, Any]]


class _Own(Strict, frozen=True):
    """A suite of a user's own."""

    tasks: dict[str, Count | Part | None]


def suite_names() -> list[str]:
    """Return the names of the suites."""
    return list(_suites().suites)


def borrowed() -> Mapping[str, Mapping[str, Any]]:
    """Return what our file says of lm-eval's own tasks, by name."""
    return _suites().borrowed


def tasks_of_suite(suite: str) -> dict[str, Part]:
    """Return a suite's tasks in its order, and how much of each.

    Args:
        suite: a name, or a YAML file with ``tasks: {NAME: N, NAME: {limit: N, max_tokens: M}}``;
            names with or without ``udasa_``, N empty for all documents.

    Raises:
        UserError: no such suite, file or task; or the file is none of a suite.
    """
    known = _suites().suites
    if suite in known:
        return {name: _part(value) for name, value in known[suite].items()}
    if Path(suite).suffix not in _FILES:
        raise UserError(f"no suite '{suite}'{nearest(suite, known)}; a file of one ends in .yaml")
    own = convert(read_yaml(Path(suite)), _Own, suite)
    if not own.tasks:
        raise UserError(f"{suite}: names no task")
    return {_task(name, suite): _part(value) for name, value in own.tasks.items()}


def _task(name: str, suite: str) -> str:
    known = list(dict.fromkeys(task for tasks in _suites().suites.values() for task in tasks))
    found = next((task for task in (name, f"{OURS}{name}") if task in known), None)
    if found is None:
        raise UserError(f"{suite}: no task '{name}'{nearest(name, known)}")
    return found


def _part(value: int | Part | None) -> Part:
    return value if isinstance(value, Part) else Part(limit=value)


@cache
def _suites() -> SuiteFile:
    text = files("udasa_eval.tasks").joinpath("suites.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), SuiteFile)
