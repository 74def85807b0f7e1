"""After a stage: its policy on every stage's held-out pairs, and afresh; and whether to abort."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from udasa_data.storage import write_atomically

from .config import Stop
from .fresh import sample_fresh
from .measures import Cell, Fresh, StageMeasures, cell, pair_logps
from .prepared import Prepared
from .references import weights_sha256


class Pair(NamedTuple):
    """A policy, where it lies (folder or Hub id, and its revision), and the SFT policy."""

    place: tuple[str, dict[str, Any]]
    policy: Any
    sft: Any


class Measured(NamedTuple):
    """A policy's measures, and the hash of its weights."""

    measures: StageMeasures
    sha256: str


def measure(
    prepared: Prepared, pair: Pair, beta: float, folder: Path | None, label: str
) -> Measured:
    """Measure a policy on every stage's held-out pairs, one stage at a time, and afresh.

    Args:
        prepared: the run's held-out pairs and prompts.
        pair: the policy, and the one it is compared with.
        beta: of the margins.
        folder: where each pair's log-probabilities and the fresh samples go; None keeps none.
        label: of the files.
    """
    sha256 = weights_sha256(pair.policy)
    pad = prepared.tokenizer.pad_token_id
    cells: dict[str, Cell] = {}
    tables = []
    for name, test in prepared.tests.items():
        policy, sft = (pair_logps(model, test.encoded, pad) for model in (pair.policy, pair.sft))
        cells[name] = cell(policy, sft, beta)
        columns = {"chosen": policy[:, 0], "rejected": policy[:, 1]}
        columns |= {"sft_chosen": sft[:, 0], "sft_rejected": sft[:, 1]}
        series = {key: pl.Series(values, dtype=pl.Float64) for key, values in columns.items()}
        split = pl.lit(name).alias("split")
        tables.append(test.rows.select("prompt_id", split).with_columns(**series))
    recipe = prepared.recipe
    prompts = prepared.fresh_prompts()
    sampled = sample_fresh(*pair, prompts, prepared.renderer, recipe.measures, recipe.seed)
    if folder is not None:
        kept = {"pairs": pl.concat(tables)} if tables else {}
        kept |= {"samples": sampled.rows} if sampled else {}
        for kind, table in kept.items():
            write_atomically(folder / f"{label}-{kind}.parquet", table.write_parquet)
    return Measured(StageMeasures(beta, cells, sampled.fresh if sampled else None), sha256)


def why_to_abort(stop: Stop, fresh: Fresh | None) -> str | None:
    """Say which limit a policy has passed, with its figure; None where it has passed none."""
    if fresh is None:
        return None
    if stop.max_kl is not None and fresh.kl > stop.max_kl:
        return f"KL {fresh.kl:.2f} nats an answer, above stop.max_kl ({stop.max_kl:g})"
    if stop.min_distinct is not None and fresh.distinct < stop.min_distinct:
        return f"distinct {fresh.distinct:.2f}, below stop.min_distinct ({stop.min_distinct:g})"
    return None
