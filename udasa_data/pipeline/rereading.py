"""Prompts that a finished run has read before: as it keeps them, where their sources are as then.

Reading and folding 100,000 prompts takes ten times as long as all else of a start that has nothing
to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.errors import UserError
from udasa_data.prompts import LeftOut, LoadedPrompts, parse_source, source_digest
from udasa_data.runs import Run, code_hash, key_of
from udasa_data.schema import DROPPED, PROMPTS, require

_CODE: Final = ("prompts", "languages", "schema.py")
_NAME: Final = "read"  # in the run's manifest


class _Record(msgspec.Struct, frozen=True):
    """What a manifest says of prompts that were read, beside the tables of the run."""

    key: str
    rows: str
    left_out: list[LeftOut]
    notes: tuple[str, ...]


class ReadBefore(NamedTuple):
    """Prompts as they were read, and the key of their rows, as the samples' key has it."""

    loaded: LoadedPrompts
    rows: str


def reading_key(config: BuildConfig, commits: Mapping[str, str]) -> str | None:
    """Return the key of all that decides which prompts are read; None where a source is elsewhere.

    Args:
        config: of the build.
        commits: of each source, by its place; ``local`` of files, which are hashed.
    """
    sources = [parse_source(text) for text in config.prompts]
    digests = [source_digest(source) if source.is_local else "" for source in sources]
    if None in digests:
        return None
    drawn = (config.limit, config.seed, config.near_duplicates)
    return key_of(config.prompts, dict(commits), digests, drawn, code_hash(_CODE))


def read_before(run: Run, key: str | None) -> ReadBefore | None:
    """Return the prompts that a run read from the very same; None where it did not finish so.

    Args:
        run: its directory.
        key: of what is to be read.
    """
    try:
        known = msgspec.convert(run.manifest.get(_NAME), _Record)
        if key is None or known.key != key:
            return None
        prompts = require(run.read_table("prompts.parquet"), PROMPTS, "prompts")
        dropped = require(run.read_table("dropped.parquet"), DROPPED, "dropped")
    except (ValueError, UserError):  # none, or damaged: they are read again
        return None
    # rows that became no prompt are of no run yet when they are read
    of_rows = dropped.filter(pl.col("what") == "row").with_columns(
        run=pl.lit(None, dtype=DROPPED["run"])
    )
    loaded = LoadedPrompts(prompts, of_rows, tuple(known.left_out), known.notes)
    return ReadBefore(loaded, known.rows)


def record_of(key: str | None, loaded: LoadedPrompts, rows: str) -> dict[str, Any]:
    """Return what a finished run's manifest is to say of its prompts; nothing without a key."""
    if key is None:
        return {}
    known = _Record(key, rows, list(loaded.left_out), loaded.notes)
    return {_NAME: msgspec.to_builtins(known)}
