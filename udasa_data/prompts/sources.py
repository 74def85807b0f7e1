"""Where prompts come from: a preset's name, a Hub dataset, or a local file, read as plain rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

from udasa_data.config import EMBEDDED, is_there, read_presets
from udasa_data.errors import UserError, first_line, nearest
from udasa_data.prompts.row_files import SUFFIXES, read_columns, text_rows
from udasa_data.schema import Axis
from udasa_data.storage import commit_of, parquet_schema

# Tried in this order; the first that a source has is its prompt column.
PROMPT_COLUMNS: Final = ("prompt", "messages", "question", "instruction", "text", "chosen")
# Read along when present.
SIDE_COLUMNS: Final = ("input", "context", "axis", "mode", "subset")

_SOURCE = re.compile(
    r"(?:(?P<axis>[a-z]+)=)?(?P<place>[^#:]+)(?::(?P<config>[^/#]*)(?:/(?P<split>[^#]+))?)?"
    r"(?:#(?P<column>.+))?"
)


@dataclass(frozen=True)
class Source:
    """A parsed ``[AXIS=]PLACE[:config/split][#column]``."""

    name: str  # as recorded in the tables
    place: str  # path, Hub id, or embedded:NAME
    config: str | None = None
    split: str | None = None
    column: str | None = None
    axis: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether the source is a file rather than a Hub dataset."""
        path = Path(self.place)
        known_suffix = path.suffix in SUFFIXES
        return self.place.startswith(EMBEDDED) or is_there(self.place) or known_suffix


class Row(NamedTuple):
    """One row of a source: where it stands, its prompt cell, and the cells beside it."""

    where: str
    column: str
    cell: Any
    side: dict[str, Any]


def parse_source(text: str) -> Source:
    """Parse one ``--prompts`` value.

    Raises:
        UserError: not a preset, not an existing file, and not the form of a Hub id.
    """
    known = read_presets().prompts
    if text in known:
        preset = known[text]
        if preset.source.startswith(EMBEDDED):
            return Source(text, preset.source)
        source = parse_source(preset.source)
        return Source(text, source.place, source.config, source.split, source.column, preset.axis)
    match = _SOURCE.fullmatch(text)
    if match is None:
        raise UserError(f"prompts '{text}': cannot be read as [AXIS=]PLACE[:config/split][#column]")
    part = match.groupdict()
    if part["axis"] and part["axis"] not in set(Axis):
        raise UserError(
            f"prompts '{text}': unknown axis '{part['axis']}'{nearest(part['axis'], Axis)}"
        )
    place = part["place"]
    name = Path(place).name if is_there(place) else place
    source = Source(
        name, place, part["config"] or None, part["split"], part["column"], part["axis"]
    )
    if not source.is_local and place.count("/") != 1:
        raise UserError(
            f"prompts '{place}': no such file and no such preset{nearest(place, known)}; "
            f"a Hub dataset reads ORG/NAME"
        )
    return source


def fingerprint(source: Source) -> str:
    """Return the commit of a Hub dataset, or ``local`` (a local file's rows are hashed anyway)."""
    return "local" if source.is_local else commit_of(source.place, "main", "dataset")


def read_rows(source: Source, commit: str = "main") -> Iterator[Row]:
    """Yield the rows of a source, in its order.

    Args:
        source: where to read.
        commit: the commit at which a Hub dataset is read; ignored for files.

    Raises:
        UserError: unreadable, malformed, not UTF-8, empty, or without a prompt column.
    """
    table = _read_file(source) if source.is_local else _read_hub(source, commit)
    if not table.rows:
        raise UserError(f"{source.place}: holds no rows; give a file with at least one prompt")
    column = _prompt_column(source, table.columns)
    for where, row in table.rows:
        side = {name: row.get(name) for name in SIDE_COLUMNS if name != column}
        yield Row(f"{source.name} {where}", column, row.get(column), side)


class _Table(NamedTuple):
    columns: set[str]
    rows: list[tuple[str, dict[str, Any]]]


def _prompt_column(source: Source, columns: set[str]) -> str:
    if source.column:
        if source.column not in columns:
            hint = nearest(source.column, columns)
            raise UserError(f"{source.place}: no column '{source.column}'{hint}")
        return source.column
    for column in PROMPT_COLUMNS:
        if column in columns:
            return column
    raise UserError(
        f"{source.place}: no prompt column among {', '.join(sorted(columns))}; "
        f"name one: {source.place}#COLUMN"
    )


def _read_file(source: Source) -> _Table:
    path = Path(source.place)
    if source.place.startswith(EMBEDDED):
        path = Path(str(files("udasa_data").joinpath("tiny", "prompts.jsonl")))
    elif path.suffix not in SUFFIXES:
        raise UserError(f"{path}: unknown kind of file (known: {', '.join(SUFFIXES)})")
    if path.suffix == ".parquet":
        side = {*PROMPT_COLUMNS, *SIDE_COLUMNS, source.column}
        table = read_columns(path, lambda name: name in side)
        columns = {*parquet_schema(path)}
        return _Table(columns, [(f"row {n}", row) for n, row in enumerate(table.to_dicts(), 1)])
    rows = text_rows(path)
    return _Table({column for _, row in rows for column in row}, rows)


def _read_hub(source: Source, commit: str) -> _Table:
    split = source.split or "train"
    try:
        table = _load_hub(source.place, source.config, split, commit)
    except Exception as error:  # datasets raises many kinds, all of them about the user's words
        problem = f"{type(error).__name__}: {first_line(error)}"
        raise UserError(f"Hub dataset '{source.place}' cannot be loaded: {problem}") from error
    rows = [(f"row {n}", dict(row)) for n, row in enumerate(table, 1)]
    return _Table(set(table.column_names), rows)


def _load_hub(repo_id: str, config: str | None, split: str, commit: str) -> Any:
    """Load a split; ``config`` is a configuration, or a folder (HH-RLHF's parts are folders)."""
    import datasets

    try:
        return datasets.load_dataset(repo_id, config, split=split, revision=commit)
    except ValueError as error:
        if config is None or "BuilderConfig" not in str(error):
            raise
    return datasets.load_dataset(repo_id, data_dir=config, split=split, revision=commit)
