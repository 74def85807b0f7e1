"""The names in the folders that evaluations write, and by which of them each is known as ours."""

from __future__ import annotations

import re
from typing import Final

from udasa_data.runs import MANIFEST, Layout
from udasa_data.storage import LOCK

DIFFICULTIES: Final = "difficulties.parquet"  # of instructions, as alpaca_eval published them
_TABLE: Final = re.compile(r"[a-z0-9_]+\.parquet")
_SHARD: Final = re.compile(r"(?P<task>[a-z0-9_]+)-[0-9a-f]{16}(\.own)?-\d{5,}\.parquet")


def is_table_file(name: str) -> bool:
    """Return whether a name is of a task's table, in ``generations/`` or ``scores/``."""
    return _TABLE.fullmatch(name) is not None


def task_of_shard(name: str) -> str | None:
    """Return the task that a file in ``shards/`` is a part of; None where it is none of ours."""
    found = _SHARD.fullmatch(name)
    return found["task"] if found else None


def _is_shard_file(name: str) -> bool:
    return task_of_shard(name) is not None


EVALUATION: Final = Layout(
    holds="evaluation of udasa-eval",
    marks=frozenset({"evaluated", "stored"}),
    files=frozenset(
        {MANIFEST, "manifest.copy.json", LOCK, "results.json"} | {"baseline.parquet", DIFFICULTIES}
    ),
    levels={"shards": _is_shard_file, "generations": is_table_file, "scores": is_table_file},
    folders={},
)
FRONTIER: Final = Layout(  # beside an evaluation a checkpoint
    holds="frontier of udasa-eval",
    marks=frozenset(),
    files=frozenset({LOCK, "frontier.json", "frontier.svg"}),
    levels={},
    folders={},
)
VALIDATION: Final = Layout(  # an evaluation a model
    holds="validation of udasa-eval",
    marks=frozenset(),
    files=frozenset({LOCK}),
    levels={},
    folders={},
)
