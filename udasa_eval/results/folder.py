"""The results folder: what an evaluation leaves behind, and all that comparing it needs.

    results.json              who was evaluated, how, by which judges; every metric
    generations/TASK.parquet  first pass: what the model answered   (schema GENERATIONS)
    scores/TASK.parquet       second pass: what that is worth       (schema SCORES)

``results.json`` is :class:`Results`. A document is known by its ``prompt_hash``, the same in every
run of a suite, so that two runs can be paired. Rates and means are plain means over documents: of
``value``, the samples of a document averaged first. A null ``value`` is unscored: counted, never 0.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
import polars as pl

from udasa_data.config import Strict, convert, read_bytes
from udasa_data.errors import UserError
from udasa_data.runs import checked, sealed
from udasa_data.schema import MESSAGES, Axis, require
from udasa_data.storage import parse_json, read_sealed, write_sealed, write_text
from udasa_eval.results.layout import is_table_file

SCHEMA_VERSION: Final = 1
RESULTS_FILE: Final = "results.json"

Direction: TypeAlias = Literal["higher", "lower"]  # which way is better
Kind: TypeAlias = Literal["rate", "mean"]  # rate: every value is 0, ½ or 1


class Pinned(Strict, frozen=True):
    """A model or dataset, pinned.

    Attributes:
        id: Hub id, folder or ``embedded:NAME``, as the user knows it.
        revision: the commit of a Hub repository; null for anything local.
        fingerprint: ``commit:SHA``, or ``sha256:…`` over the files of a folder.
    """

    id: str
    revision: str | None
    fingerprint: str


class JudgeRecord(Strict, frozen=True):
    """A model that scored generations, and in which role (``harm``, ``toxicity``, ``reward``…).

    Attributes:
        role: which.
        id: of the model; of a panel, of all its judges.
        revision: the commit of a Hub repository; null for anything local, and for a panel.
        fingerprint: of its weights and of all that it was asked.
        built_training_data: scorer leak: it also scored what the model learnt from.
        weights: fingerprints of the models' weights alone.
        asked: its entry in the judge set: prompt, choices, temperature, server, template options.
    """

    role: str
    id: str
    revision: str | None
    fingerprint: str
    built_training_data: bool = False
    weights: tuple[str, ...] = ()
    asked: dict[str, Any] = msgspec.field(default_factory=dict)


class Decoding(Strict, frozen=True):
    """How a task's answers were drawn; temperature 0 is greedy."""

    temperature: float
    top_p: float
    max_tokens: int
    samples: int
    seed: int


class TaskRecord(Strict, frozen=True):
    """A task as it was run.

    Attributes:
        name: of the task, as lm-eval knows it.
        axis: one of the four.
        fingerprint: of all that decides what is asked: the task's YAML, its documents, the mode.
        dataset: pinned; ``id`` is a Hub id, a file of ``--data-dir``, or ``embedded:…``.
        mode: chat (through the template), completion (raw text), or loglikelihood.
        decoding: null for log-likelihood tasks.
        headline: the name of its one headline metric.
        documents: how many there are.
        set_aside: documents that could not be put to the model, by reason.
        training_overlap: how many of its prompts the model's training prompts hold; null where
            nothing is known of them.
    """

    name: str
    axis: Axis
    fingerprint: str
    dataset: Pinned
    mode: Literal["chat", "completion", "loglikelihood"]
    decoding: Decoding | None
    headline: str
    documents: int
    set_aside: dict[str, int]
    training_overlap: int | None = None


class MetricRecord(Strict, frozen=True):
    """An aggregated number with its interval; null where no document is scored.

    Attributes:
        name: of the metric, as in the ``metric`` column of SCORES where ``per_document``.
        axis: of its task.
        task: name.
        value: mean over documents.
        stderr: its standard error, over documents.
        low: of the 95% interval.
        high: of the 95% interval.
        n: scored documents.
        unscored: documents without a value.
        direction: which way is better.
        kind: rate (0, ½, 1) or mean.
        headline: whether it stands for its task.
        per_document: False where it is no mean of what documents scored (length-controlled win
            rate); its rows of SCORES, if any, are each document's part in it.
    """

    name: str
    axis: Axis
    task: str
    value: float | None
    stderr: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    direction: Direction
    kind: Kind
    headline: bool = False
    per_document: bool = True


class Unscored(Strict, frozen=True):
    """Why documents of a metric have no value, with a few of the texts behind it."""

    task: str
    metric: str
    why: str
    count: int
    examples: tuple[str, ...]


class Results(Strict, frozen=True):
    """The content of ``results.json``.

    Attributes:
        schema_version: of this file and of the tables beside it.
        suite: quick, full or tiny.
        axes: those that were run.
        model: evaluated.
        engine: that drew its answers.
        template_sha256: of its chat template; null for a model that has none.
        system_prompt: put before every chat prompt; null for none.
        chat_template_kwargs: given to the chat template.
        baseline: whose stored answers win rates are against; null where there are none.
        judges: every model that scored.
        tasks: as they were run.
        metrics: every number.
        unscored: why values are missing.
        training_data: what the model's ``stages.json`` says it learnt from, as it stands there.
        lm_eval_version: of the harness.
        versions: of Python and the packages that decide a number.
        notes: for the reader, a line each.
    """

    schema_version: int
    suite: str
    axes: tuple[Axis, ...]
    model: Pinned
    engine: str
    template_sha256: str | None
    system_prompt: str | None
    baseline: str | None
    judges: tuple[JudgeRecord, ...]
    tasks: tuple[TaskRecord, ...]
    metrics: tuple[MetricRecord, ...]
    unscored: tuple[Unscored, ...]
    training_data: tuple[dict[str, object], ...]
    lm_eval_version: str
    versions: dict[str, str]
    notes: tuple[str, ...] = ()
    chat_template_kwargs: dict[str, Any] = msgspec.field(default_factory=dict)


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
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema_version {version}, this version reads {SCHEMA_VERSION}; "
            "udasa-eval score writes it again from the stored generations"
        )
    return convert(value, Results, str(path))


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
