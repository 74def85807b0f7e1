"""What alpaca_eval published to control win rates for length: difficulties, gamed comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError
from udasa_eval.answers.baselines import DEFAULT, Baseline
from udasa_eval.answers.generations import prompt_hash
from udasa_eval.results import DIFFICULTIES
from udasa_eval.tasks import BuiltTask, documents_in, load_rows

TABLE: Final = DIFFICULTIES
DATASET: Final = "alpaca_eval_gamed"
# a comparison of a gamed baseline a row; all null: the instruction is not in what was published
SCHEMA: Final = pl.Schema(
    {
        "prompt_hash": pl.String(),
        "difficulty": pl.Float64(),  # of the instruction, on the scale of log-odds
        "std_delta_len": pl.Float64(),  # baseline's length − gamed one's, in standard deviations
        "preference": pl.Float64(),  # for the gamed one, in [0, 1]
    }
)
_THEIRS: Final = ("index", "instruction_difficulty", "std_delta_len", "preference")


class Difficulties(NamedTuple):
    """What was found: a table of SCHEMA or None, and a line for the user where it is missed."""

    table: pl.DataFrame | None
    notes: tuple[str, ...] = ()


def find_difficulties(
    tasks: Sequence[BuiltTask],
    baseline: Baseline,
    *,
    data_dir: Path | None,
    commits: Mapping[str, str],
) -> Difficulties:
    """Find what AlpacaEval 2's length control needs, where its own baseline is compared with.

    Args:
        tasks: of the run.
        baseline: whose answers win rates are against.
        data_dir: folder of datasets; None reads the Hub.
        commits: of Hub repositories.
    """
    names = [built.plan.name for built in tasks if built.plan.notes.dataset == "alpaca_eval"]
    if not names or DEFAULT not in (baseline.name or "").split(", "):  # a task has its own each
        return Difficulties(None)
    try:
        return Difficulties(read_difficulties(data_dir=data_dir, commits=commits))
    except UserError as error:
        note = f"{names[0]}: the win rate is adjusted for length, but not as AlpacaEval 2 does it"
        return Difficulties(None, (f"{note}: {error}",))


def read_difficulties(*, data_dir: Path | None, commits: Mapping[str, str]) -> pl.DataFrame:
    """Return alpaca_eval's ``df_gamed.csv`` with the hash of each prompt, schema SCHEMA.

    Args:
        data_dir: folder of datasets; None reads the Hub.
        commits: of Hub repositories.

    Raises:
        UserError: it cannot be had, or is another table.
    """
    loaded = load_rows(DATASET, data_dir=data_dir, commits=commits)
    if lacking := [name for name in _THEIRS if name not in loaded.rows.columns]:
        raise UserError(f"{loaded.pinned.id}: has no column {', '.join(lacking)}")
    asked = load_rows("alpaca_eval", data_dir=data_dir, commits=commits)
    rows = asked.rows
    if "idx" not in rows.columns:  # the Hub's file is in the order of the index
        rows = rows.with_row_index("idx")
    hashes = {}
    for (index,), row in rows.group_by("idx"):
        (document,) = documents_in(asked._replace(rows=row), "instruction", None).documents
        hashes[int(str(index))] = prompt_hash(document, "chat")
    names = dict(zip(_THEIRS, ("index", "difficulty", "std_delta_len", "preference"), strict=True))
    table = loaded.rows.select(_THEIRS).rename(names)
    known = pl.col("index").cast(pl.Int64).replace_strict(hashes, default=None)
    try:
        return table.with_columns(prompt_hash=known.cast(pl.String())).select(
            pl.col(name).cast(kind) for name, kind in SCHEMA.items()
        )
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{loaded.pinned.id}: holds something that is no number") from error
