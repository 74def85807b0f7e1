"""Finished runs, read back for people."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from udasa_data.errors import UserError
from udasa_data.runs.finished import open_finished
from udasa_data.schema import Dimension


class PairView(NamedTuple):
    """A pair as text; the uncertainties are (combined, semantic, factual, value)."""

    prompt: str
    chosen: str
    rejected: str
    stage: str
    axis: str
    p_chosen_better: float
    delta_u: float
    se_delta: float
    u_chosen: tuple[float, ...]
    u_rejected: tuple[float, ...]


def read_pairs(run: Path | str, stage: str | None, n: int) -> list[PairView]:
    """Return the ``n`` surest pairs, of one stage or spread evenly over the stages.

    Args:
        run: a run directory, a dataset folder, or a Hub dataset.
        stage: of which; None: of all.
        n: how many.

    Raises:
        UserError: ``run`` holds no finished run, or no such pairs.
    """
    pairs = open_finished(str(run)).pairs.sort("p_chosen_better", descending=True)
    if stage is not None:
        pairs = pairs.filter(pl.col("stage") == stage)
    rank = pl.int_range(pl.len()).over("stage")
    pairs = pairs.with_columns(rank.alias("rank")).sort("rank", maintain_order=True).head(n)
    if pairs.is_empty():
        raise UserError(f"{run}: no pairs{f' in stage {stage}' if stage else ''}")
    return [
        _view(row) for row in pairs.sort("p_chosen_better", descending=True).iter_rows(named=True)
    ]


def _view(row: dict[str, object]) -> PairView:
    texts = {side: row[side] for side in ("prompt", "chosen", "rejected")}
    prompt, chosen, rejected = (_text(turns) for turns in texts.values())
    sides = [
        tuple(
            float(row[f"{name}_{side}"])  # type: ignore[arg-type]
            for name in ("uncertainty", *(f"u_{d}" for d in Dimension))
        )
        for side in ("chosen", "rejected")
    ]
    names = ("p_chosen_better", "delta_u", "se_delta")
    p, delta, se = (float(row[name]) for name in names)  # type: ignore[arg-type]
    stage, axis = str(row["stage"]), str(row["axis"])
    return PairView(prompt, chosen, rejected, stage, axis, p, delta, se, *sides)


def _text(turns: object) -> str:
    """Return one turn as it stands, several with their roles."""
    assert isinstance(turns, list)
    if len(turns) == 1:
        return str(turns[0]["content"])
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
