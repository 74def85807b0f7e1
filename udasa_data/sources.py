"""Where prompts come from: a preset's name, a Hub dataset, or a local file, read as plain rows."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.config import EMBEDDED, presets
from udasa_data.errors import UserError, nearest
from udasa_data.hub import commit_of
from udasa_data.schema import Axis

# Tried in this order; the first that a source has is its prompt column.
PROMPT_COLUMNS: Final = ("prompt", "messages", "question", "instruction", "text", "chosen")
# Read along when present.
SIDE_COLUMNS: Final = ("input", "context", "axis", "mode", "subset")
SUFFIXES: Final = (".jsonl", ".json", ".csv", ".parquet", ".txt")

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
        return self.place.startswith(EMBEDDED) or path.exists() or known_suffix


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
    known = presets().prompts
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
    name = Path(place).name if Path(place).exists() else place
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
    try:
        if path.suffix == ".parquet":
            return _read_parquet(path, source.column)
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: not UTF-8 text; convert the file to UTF-8"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    reader = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".txt": _txt}[path.suffix]
    rows = reader(path, text)
    return _Table({column for _, row in rows for column in row}, rows)


def _read_parquet(path: Path, column: str | None) -> _Table:
    try:
        with path.open("rb"):  # polars' own error for a missing file is less clear
            columns = list(pl.read_parquet_schema(path))
            wanted = [name for name in columns if name in (*PROMPT_COLUMNS, *SIDE_COLUMNS, column)]
            table = pl.read_parquet(path, columns=wanted)
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path}: not a readable Parquet file") from error
    rows = [(f"row {n}", row) for n, row in enumerate(table.iter_rows(named=True), 1)]
    return _Table(set(columns), rows)


def _record(value: object, path: Path, where: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, dict):
        return value
    kind = type(value).__name__
    raise UserError(f"{path}, {where}: an object or a string is needed, not a JSON {kind}")


def _jsonl(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                problem = f"malformed JSON ({error.msg}, column {error.colno})"
                raise UserError(f"{path}, line {number}: {problem}") from error
            rows.append((f"line {number}", _record(value, path, f"line {number}")))
    return rows


def _json(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        values = json.loads(text) if text.strip() else []
    except json.JSONDecodeError as error:
        problem = f"malformed JSON ({error.msg}, column {error.colno})"
        raise UserError(f"{path}, line {error.lineno}: {problem}") from error
    if not isinstance(values, list):
        raise UserError(f"{path}: a JSON array of rows is needed; one object a line is .jsonl")
    return [(f"item {n}", _record(value, path, f"item {n}")) for n, value in enumerate(values, 1)]


def _csv(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    rows = []
    try:
        for row in reader:
            line = reader.line_num
            if None in row or None in row.values():
                wanted = len(reader.fieldnames or ())
                raise UserError(f"{path}, line {line}: not the {wanted} fields of the header")
            rows.append((f"line {line}", dict(row)))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: malformed CSV ({error})") from error
    return rows


def _txt(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    del path
    lines = enumerate(text.splitlines(), 1)
    return [(f"line {n}", {"prompt": line}) for n, line in lines if line.strip()]


def _read_hub(source: Source, commit: str) -> _Table:
    import datasets

    split = source.split or "train"
    try:
        table = datasets.load_dataset(source.place, source.config, split=split, revision=commit)
    except Exception as error:  # datasets raises many kinds, all of them about the user's words
        problem = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise UserError(
            f"Hub dataset '{source.place}' cannot be loaded: {type(error).__name__}: {problem}"
        ) from error
    rows = [(f"row {n}", dict(row)) for n, row in enumerate(table, 1)]
    return _Table(set(table.column_names), rows)
