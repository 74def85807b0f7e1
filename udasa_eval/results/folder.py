"""The results folder: what an evaluation leaves behind, and all that comparing it needs.

    results.json              who was evaluated, how, by which judges; every metric
    generations/TASK.parquet  first pass: what the model answered   (schema GENERATIONS)
    scores/TASK.parquet       second pass: what that is worth       (schema SCORES)

``results.json`` is ``records.Results``. A document is known by its ``prompt_hash``, the same in
every run of a suite, so that two runs can be paired. Rates and means are plain means over
documents: of ``value``, the samples of a document averaged first. A null ``value`` is unscored:
counted, never 0.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Final, Literal

import msgspec
import polars as pl

from udasa_data.config import convert, read_bytes
from udasa_data.errors import UserError
from udasa_data.runs import checked, sealed
from udasa_data.schema import MESSAGES, require
from udasa_data.storage import parse_json, read_sealed, write_sealed, write_text
from udasa_eval.results.layout import DIFFICULTIES, is_table_file
from udasa_eval.results.migration import migrated
from udasa_eval.results.records import SCHEMA_VERSION, Results

RESULTS_FILE: Final = "results.json"

GENERATIONS: Final = pl.Schema(
    {
        "task": pl.String(),
        "axis": pl.String(),
        "prompt_hash": pl.String(),
        "sample": pl.Int32(),
        "prompt": MESSAGES,
        "text": pl.String(),  # an answer, or a choice; null: the model could not be asked
        "reasoning": pl.String(),  # what was said before an answer, with its tags; null: a choice
        "why": pl.String(),  # it could not be asked; null otherwise
        "n_tokens": pl.Int32(),  # of both
        "sum_logprob": pl.Float64(),  # nats, under the model at temperature 1
        # nats, of the text after its prompt as lm-eval weighs it; of choices and for the KL alone
        "text_logprob": pl.Float64(),
        "finish_reason": pl.String(),  # stop | length | content_filter
        "seed": pl.Int64(),
        "document": pl.String(),  # the dataset's row, as JSON
        "decoding": pl.String(),  # as JSON
        "template_sha256": pl.String(),
        "model_fingerprint": pl.String(),
    }
)

SCORES: Final = pl.Schema(
    {
        "task": pl.String(),
        "axis": pl.String(),
        "prompt_hash": pl.String(),
        "sample": pl.Int32(),  # null: of the document as a whole
        "metric": pl.String(),
        "value": pl.Float64(),  # null: unscored
        "why": pl.String(),  # it is unscored; null otherwise
    }
)


def write_results(folder: Path, results: Results) -> None:
    """Write ``results.json`` whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    text = json.dumps(sealed(msgspec.to_builtins(results)), indent=2, ensure_ascii=False)
    write_text(folder / RESULTS_FILE, f"{text}\n")


def read_results(folder: Path) -> Results:
    """Read and check ``results.json``.

    Raises:
        UserError: absent, unreadable, of another schema, or not what the schema says.
    """
    path = folder / RESULTS_FILE
    try:
        value = checked(parse_json(read_bytes(path)))
    except OSError as error:
        raise UserError(
            f"{folder}: holds no results ({RESULTS_FILE} is missing or unreadable); give the "
            "folder that udasa-eval run wrote"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{path}: holds no results ({error}); udasa-eval score writes it again from the stored "
            "generations"
        ) from error
    version = value.get("schema_version")
    current = migrated(value, has_difficulties=(folder / DIFFICULTIES).is_file())
    if current is None:
        raise UserError(
            f"{path}: schema_version {version}, this version reads {SCHEMA_VERSION}; "
            f"udasa-eval score {folder} writes it again from the stored generations"
        )
    return convert(current, Results, str(path))


def write_table(folder: Path, name: str, table: pl.DataFrame, schema: pl.Schema) -> None:
    """Write a task's table, checked, whole or not at all: ``name`` is ``scores/TASK`` or so.

    Raises:
        UserError: it cannot be written.
    """
    rows = require(table, schema, name)
    write_sealed(folder / f"{name}.parquet", rows)


def read_tables(folder: Path, kind: Literal["generations", "scores"]) -> pl.DataFrame:
    """Return all tasks' rows of one kind, sorted by task; no rows where there are none.

    Files by other names than a task's are not read.

    Raises:
        UserError: a file that is not such a table.
    """
    schema = GENERATIONS if kind == "generations" else SCORES
    tables = [pl.DataFrame(schema=schema)]
    for path in sorted((folder / kind).glob("*.parquet")):
        if not is_table_file(path.name):
            continue
        try:
            table = read_sealed(path)
            if kind == "generations" and "reasoning" not in table.columns:  # of earlier versions
                table = table.with_columns(reasoning=pl.lit(None, pl.String()))
            tables.append(require(table, schema, path.stem))
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise UserError(f"{path}: not a table of {kind} ({error})") from error
    return pl.concat(tables)


def null_unless_finite(value: float) -> float | None:
    """Return a number as results hold it: JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
