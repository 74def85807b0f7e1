"""AlpacaEval 2's published win rates from its stored annotations: raw, and length-controlled.

Both by the functions that a run uses (``stats.win_rate``, ``stats.length_controlled``). The second
needs alpaca_eval's ``df_gamed.csv``, the difficulty of each instruction and two gamed baselines,
which ``udasa-eval fetch --dataset alpaca_eval_gamed`` puts beside the annotations.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage import read_parquet
from udasa_eval.stats import Floats, Gamed, length_controlled, win_rate
from udasa_eval.validation.outcome import Check

ANNOTATIONS: Final = "alpaca_eval/annotations.parquet"  # under a data folder
GAMED: Final = "alpaca_eval/df_gamed.parquet"
BASELINE: Final = "gpt4_1106_preview"
RAW_TOLERANCE: Final = 0.1  # points
# of the same fit; its penalty is chosen by folds that differ little, and moves it by up to .05
CONTROLLED_TOLERANCE: Final = 0.5
_GROUP: Final = "alpaca_eval 2"


class Annotated(NamedTuple):
    """A generator's comparisons with the baseline, by instruction: [N] each."""

    generator: str
    instruction: Floats  # its index
    preference: Floats
    length: Floats
    baseline_length: Floats


def check_alpaca_eval(data_dir: Path) -> list[Check]:
    """Rerun the published win rates of every annotated generator.

    Length-controlled ones are left out where GAMED is missing.

    Raises:
        UserError: a file of alpaca_eval/ is missing or is another one.
    """
    annotated, published = read_annotations(data_dir), read_leaderboard(data_dir)
    rows = [
        (model, published[model.generator]) for model in annotated if model.generator in published
    ]
    checks = [check for model, row in rows for check in _raw(model, row)]
    if not (data_dir / GAMED).is_file():
        return checks
    gamed = _table(data_dir / GAMED)
    return checks + [
        _controlled(model, row, gamed) for model, row in rows if model.generator != BASELINE
    ]


def unpublished(data_dir: Path) -> list[str]:
    """Return the annotated generators that have no row on the published leaderboard.

    Raises:
        UserError: a file is missing or is another one.
    """
    rows = read_leaderboard(data_dir)
    generators = [model.generator for model in read_annotations(data_dir)]
    return [generator for generator in generators if generator not in rows]


def read_annotations(data_dir: Path) -> list[Annotated]:
    """Return the annotated generators, each over all instructions in order.

    Raises:
        UserError: the file is missing or lacks a column.
    """
    table = _table(data_dir / ANNOTATIONS).sort("idx")
    return [
        Annotated(
            str(generator),
            rows["idx"].cast(pl.Float64).to_numpy(),
            rows["preference"].cast(pl.Float64).to_numpy() - 1.0,
            *(rows[name].cast(pl.Float64).to_numpy() for name in ("len_2", "len_1")),
        )
        for (generator,), rows in table.group_by("generator_2", maintain_order=True)
    ]


def read_leaderboard(data_dir: Path) -> dict[str, dict[str, float]]:
    """Return the rows that alpaca_eval published, by model.

    Raises:
        UserError: the file is missing or lacks a column.
    """
    rows = _table(data_dir / "alpaca_eval/leaderboard.parquet").iter_rows(named=True)
    return {row["model"]: row for row in rows}


def _controlled(model: Annotated, row: dict[str, float], gamed: pl.DataFrame) -> Check:
    by_index = dict(gamed.select("index", "instruction_difficulty").iter_rows())
    difficulty = np.array([by_index[int(index)] for index in model.instruction], dtype=np.float64)
    others = Gamed(
        _numbers(gamed, "preference"),
        np.tanh(_numbers(gamed, "std_delta_len")),
        _numbers(gamed, "instruction_difficulty"),
    )
    rate = length_controlled(
        model.preference, model.length, model.baseline_length, difficulty, others
    )
    return Check(
        group=_GROUP,
        name=f"length-controlled, {model.generator}",
        ours=100 * rate.value,
        theirs=row["length_controlled_winrate"],
        tolerance=CONTROLLED_TOLERANCE,
        n=len(model.preference),
    )


def _numbers(table: pl.DataFrame, name: str) -> Floats:
    return table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _raw(model: Annotated, row: dict[str, float]) -> list[Check]:
    rate = win_rate(model.preference)
    numbers = (
        ("raw", 100 * rate.value, row["win_rate"], RAW_TOLERANCE),
        ("standard error", 100 * rate.stderr, row["standard_error"], RAW_TOLERANCE),
        ("wins", rate.wins, row["n_wins"], 0.0),
        ("ties", rate.ties, row["n_draws"], 0.0),
    )
    return [
        Check(
            group=_GROUP,
            name=f"{name}, {model.generator}",
            ours=ours,
            theirs=theirs,
            tolerance=tolerance,
            n=rate.n,
        )
        for name, ours, theirs, tolerance in numbers
    ]


def _table(path: Path) -> pl.DataFrame:
    try:
        with path.open("rb"):
            return read_parquet(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path}: not the table that was expected") from error
