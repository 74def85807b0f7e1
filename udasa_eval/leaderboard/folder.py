"""The leaderboard as files: a page, Markdown, and the rows and samples of a Hub dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import polars as pl

from udasa_data.errors import UserError
from udasa_data.runs import Layout, Run
from udasa_data.schema import require
from udasa_data.storage import LOCK, write_atomically, write_text
from udasa_eval.leaderboard.building import Leaderboard, Row
from udasa_eval.leaderboard.markdown import to_markdown
from udasa_eval.leaderboard.page import page
from udasa_eval.results import read_tables
from udasa_eval.samples import of_run, samples_page

PAGE: Final = "index.html"
MAX_RUNS: Final = 90  # of a pushed leaderboard: a file each, of the 99 that one commit takes

ROWS: Final = pl.Schema(
    {
        "run": pl.String(),
        "model": pl.String(),
        "revision": pl.String(),
        "fingerprint": pl.String(),
        "suite": pl.String(),
        "axis": pl.String(),
        "task": pl.String(),
        "metric": pl.String(),
        "headline": pl.Boolean(),
        "direction": pl.String(),  # which way is better
        "value": pl.Float64(),
        "stderr": pl.Float64(),
        "low": pl.Float64(),  # of the 95% interval
        "high": pl.Float64(),
        "n": pl.Int64(),
        "unscored": pl.Int64(),
        "config_hash": pl.String(),  # equal where runs differ in their model alone
        "template_sha256": pl.String(),
        "task_fingerprint": pl.String(),
        "decoding": pl.String(),  # as JSON
        "judges": pl.String(),  # as JSON
        "lm_eval_version": pl.String(),
        "versions": pl.String(),  # as JSON
        "marks": pl.List(pl.String()),
    }
)

SAMPLES: Final = pl.Schema(
    {
        "run": pl.String(),
        "task": pl.String(),
        "axis": pl.String(),
        "prompt_hash": pl.String(),
        "sample": pl.Int32(),
        "metric": pl.String(),
        "value": pl.Float64(),  # null: unscored
        "why": pl.String(),  # it is unscored
        "prompt": pl.String(),  # its last message
        "text": pl.String(),
    }
)

_CARD: Final = """---
pretty_name: UDASA leaderboard
tags: [udasa, leaderboard]
configs:
- config_name: leaderboard
  default: true
  data_files: data/leaderboard.parquet
- config_name: samples
  data_files: data/samples/*.parquet
---

# Leaderboard

"""


LAYOUT: Final = Layout(
    holds="leaderboard of udasa-eval",
    marks=frozenset(),
    files=frozenset({LOCK, "README.md", PAGE}),
    levels={
        "data": lambda name: name == "leaderboard.parquet",
        "data/samples": lambda name: _is_of_run(name, "parquet"),
        "samples": lambda name: _is_of_run(name, "html"),
    },
    folders={},
)


def claim_folder(out: Path) -> None:
    """Refuse a folder that is not empty and holds no leaderboard of ours; write nothing.

    Raises:
        UserError: names it.
    """
    Run(out, LAYOUT).claim()


def write_folder(board: Leaderboard, out: Path) -> None:
    """Write the page with its pages of samples, Markdown, and the dataset's files.

    Raises:
        UserError: it cannot be written, is somebody else's, or a run's tables cannot be read.
    """
    with Run(out, LAYOUT).locked():
        _write(board, out)


def _write(board: Leaderboard, out: Path) -> None:
    names = slugs(board)
    linked: dict[str, frozenset[str]] = {}
    for row in board.rows:
        path = out / f"data/samples/{names[row.label]}.parquet"
        write_atomically(path, samples_of(row).write_parquet)
        shown = of_run(Path(row.folder), row.label)
        if shown.tasks:
            text = samples_page([shown], home=f"../{PAGE}")
            write_text(out / f"samples/{names[row.label]}.html", text)
            linked[row.label] = frozenset(shown.tasks)
    write_atomically(out / "data/leaderboard.parquet", rows_of(board).write_parquet)
    write_text(out / "README.md", _CARD + to_markdown(board))

    def link(run: str, task: str) -> str | None:
        has_samples = run in linked and task in linked[run]
        return f"samples/{names[run]}.html#task={quote(task)}" if has_samples else None

    write_text(out / PAGE, page(board, link))


def content_of(board: Leaderboard, out: Path) -> Mapping[str, Path | bytes]:
    """Return the content of a Hub repository: path → file of a written folder, or the text.

    The pages of samples stay behind; the page links to the Parquet files instead.

    Raises:
        UserError: more runs than one commit takes files.
    """
    if len(board.rows) > MAX_RUNS:
        raise UserError(f"{len(board.rows)} runs; one commit takes {MAX_RUNS}")
    files = {run: f"data/samples/{name}.parquet" for run, name in slugs(board).items()}
    content: dict[str, Path | bytes] = {
        path: out / path for path in ("README.md", "data/leaderboard.parquet", *files.values())
    }
    content[PAGE] = page(board, lambda run, _task: files[run]).encode()
    return content


def rows_of(board: Leaderboard) -> pl.DataFrame:
    """Return one row a run and metric, of the schema ROWS."""
    rows = [fact for row in board.rows for fact in _facts(row, board)]
    return require(pl.DataFrame(rows, schema=ROWS), ROWS, "leaderboard")


def samples_of(row: Row) -> pl.DataFrame:
    """Return a run's per-sample scores beside their texts, of the schema SAMPLES.

    Raises:
        UserError: a table of the run cannot be read.
    """
    folder = Path(row.folder)
    keys = ["task", "prompt_hash", "of"]
    scores = read_tables(folder, "scores").with_columns(of=pl.col("sample").fill_null(0))
    texts = (
        read_tables(folder, "generations")
        .with_columns(of="sample", prompt=pl.col("prompt").list.last().struct.field("content"))
        .select(*keys, "prompt", "text")
        .unique(keys, keep="first")
    )
    joined = scores.join(texts, on=keys, how="left", maintain_order="left")
    return require(joined.with_columns(run=pl.lit(row.label)), SAMPLES, "samples")


def slugs(board: Leaderboard) -> dict[str, str]:
    """Return a file name for each run, unique and safe."""
    return {row.label: f"{number:02}-{slug(row.label)}" for number, row in enumerate(board.rows, 1)}


def slug(text: str) -> str:
    """Return a text as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.")[:60] or "run"


def _is_of_run(name: str, suffix: str) -> bool:
    """Return whether a name is one that :func:`slugs` begins."""
    return re.fullmatch(rf"\d\d+-[A-Za-z0-9_.-]+\.{suffix}", name) is not None


def _facts(row: Row, board: Leaderboard) -> list[dict[str, object]]:
    results = row.results
    tasks = {task.name: task for task in results.tasks}
    by_key = {c.key: (c, cell) for c, cell in zip(board.columns, row.cells, strict=True)}
    facts: list[dict[str, object]] = []
    for metric in results.metrics:
        column, cell = by_key.get((metric.task, metric.name), (None, None))
        marks = [*row.marks, *(cell.marks if cell else ()), *(column.marks if column else ())]
        task = tasks[metric.task]
        facts.append(
            {
                "run": row.label,
                "model": results.model.id,
                "revision": results.model.revision,
                "fingerprint": results.model.fingerprint,
                "suite": results.suite,
                "axis": metric.axis.value,
                "task": metric.task,
                "metric": metric.name,
                "headline": metric.headline,
                "direction": metric.direction,
                **{name: getattr(metric, name) for name in ("value", "stderr", "low", "high")},
                "n": metric.n,
                "unscored": metric.unscored,
                "config_hash": row.config_hash,
                "template_sha256": results.template_sha256,
                "task_fingerprint": task.fingerprint,
                "decoding": _json(task.decoding),
                "judges": _json(results.judges),
                "lm_eval_version": results.lm_eval_version,
                "versions": _json(results.versions),
                "marks": [f"{mark.kind}: {mark.text}" for mark in marks],
            }
        )
    return facts


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
