"""Where prompts come from: a preset's name, a Hub dataset, or a local file, read as plain rows."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from udasa_data.config import EMBEDDED, is_there, read_presets
from udasa_data.errors import UserError, first_line, nearest
from udasa_data.prompts.columns import PROMPT_COLUMNS, SIDE_COLUMNS, choose_columns, root_of
from udasa_data.prompts.row_files import SUFFIXES, read_columns, text_rows
from udasa_data.prompts.rows import Row
from udasa_data.schema import Axis
from udasa_data.storage import commit_of, parquet_schema

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


class SourceRows(NamedTuple):
    """The rows of a source in their order, and what of its columns was not read, and why."""

    rows: list[Row]
    notes: tuple[str, ...]


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


def read_rows(source: Source, commit: str = "main") -> SourceRows:
    """Return the rows of a source, in its order.

    Args:
        source: where to read.
        commit: the commit at which a Hub dataset is read; ignored for files.

    Raises:
        UserError: unreadable, malformed, not UTF-8, empty, or without a prompt column.
    """
    table = _read_file(source) if source.is_local else _read_hub(source, commit)
    if not table.rows and not table.columns:
        raise UserError(f"{source.place}: holds no rows; give a file with at least one prompt")
    cells = [row for _, row in table.rows]
    columns = choose_columns(source.place, cells, table.columns, source.column)
    if not table.rows:
        raise UserError(f"{source.place}: holds no rows; give a file with at least one prompt")
    side = [name for name in columns.side if not (name == "axis" and source.axis)]
    rows = []
    for where, row in table.rows:
        name, cell = columns.cell(row)
        beside = {key: row.get(key) for key in side}
        rows.append(Row(f"{source.name} {where}", name, cell, beside))
    notes = [note for note in columns.notes if not (source.axis and "axis" in note)]
    return SourceRows(rows, tuple(f"{source.name}: {note}" for note in notes))


class _Table(NamedTuple):
    columns: Collection[str]
    rows: list[tuple[str, dict[str, Any]]]


def _read_file(source: Source) -> _Table:
    path = Path(source.place)
    if source.place.startswith(EMBEDDED):
        path = Path(str(files("udasa_data").joinpath("tiny", "prompts.jsonl")))
    elif path.suffix not in SUFFIXES:
        raise UserError(f"{path}: unknown kind of file (known: {', '.join(SUFFIXES)})")
    if path.suffix == ".parquet":
        wanted = {*PROMPT_COLUMNS, *SIDE_COLUMNS}
        if source.column:
            wanted |= {source.column, root_of(source.column)}
        table = read_columns(path, lambda name: name in wanted)
        columns = parquet_schema(path)
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
