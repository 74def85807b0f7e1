"""After a stage: the policy that is served, on every stage's held-out pairs, and afresh.

One model is in memory at a time, but for the KL, where two take turns on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from udasa_data.storage import write_atomically

from .config import Stop
from .fresh import sample_fresh
from .kept import kept_share, logps_of, spread
from .measures import (
    Floats,
    Fresh,
    StageMeasures,
    cell,
    on_gpu,
    pair_logps,
    release,
    sides_of,
)
from .prepared import Prepared
from .references import weights_sha256


class Sft:
    """The SFT policy's log-probabilities of the held-out pairs, computed once."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.by_stage: dict[str, Floats] = {}
        self.exact: Floats | None = None  # of the pairs of ``kept``, in float32

    def logps(self, load: Callable[[], Any]) -> dict[str, Floats]:
        """Return [N, 2] log-probabilities by stage, nats."""
        if not self.by_stage:
            self.by_stage = _logps(self.prepared, load())
            release()
        return self.by_stage


class Subject(NamedTuple):
    """A policy that is measured.

    Attributes:
        place: where it lies as it is served, and how it is loaded.
        load: loads it, in the type of training.
        load_exact: the same in float32.
        load_trained: loads the weights as they were trained, in float32; None: they are served.
    """

    place: tuple[str, dict[str, Any]]
    load: Callable[[], Any]
    load_exact: Callable[[], Any]
    load_trained: Callable[[], Any] | None = None


class Measured(NamedTuple):
    """A policy's measures, and the hash of its weights."""

    measures: StageMeasures
    sha256: str


def measure(
    sft: tuple[Sft, Subject], subject: Subject, beta: float, folder: Path | None, label: str
) -> Measured:
    """Measure a policy on every stage's held-out pairs, and afresh.

    Args:
        sft: the SFT policy, and what is known of it already.
        subject: the policy; the SFT policy itself is measured against itself.
        beta: of the margins.
        folder: where each pair's log-probabilities and the fresh samples go; None keeps none.
        label: of the files.
    """
    known, first = sft
    prepared = known.prepared
    before = known.logps(first.load)
    policy = subject.load()
    sha256 = weights_sha256(policy)
    after = _logps(prepared, policy)
    del policy
    release()
    cells = {name: cell(after[name], before[name], beta) for name in after}
    recipe, prompts = prepared.recipe, prepared.fresh_prompts()
    loads = (subject.load, first.load)
    sampled = sample_fresh(
        subject.place, loads, prompts, prepared.renderer, recipe.measures, recipe.seed
    )
    tables = {"pairs": _table(prepared, after, before), "samples": sampled and sampled.rows}
    for kind, table in tables.items():
        if folder is not None and table is not None:
            write_atomically(folder / f"{label}-{kind}.parquet", table.write_parquet)
    asked = subject is not first and recipe.measures.kept
    kept = _kept(known, first, subject) if asked else None
    fresh = sampled.fresh if sampled else None
    return Measured(StageMeasures(beta, cells, fresh, kept), sha256)


def unmeasured(subject: Subject, beta: float) -> Measured:
    """Return what stands in the place of the measures of a stage that is not to be measured."""
    policy = subject.load()
    sha256 = weights_sha256(policy)
    del policy
    release()
    return Measured(StageMeasures(beta, {}, None), sha256)


def _logps(prepared: Prepared, model: Any) -> dict[str, Floats]:
    pad = prepared.tokenizer.pad_token_id
    with on_gpu(model):
        return {name: pair_logps(model, test.encoded, pad) for name, test in prepared.tests.items()}


def _table(
    prepared: Prepared, after: dict[str, Floats], before: dict[str, Floats]
) -> pl.DataFrame | None:
    """Return each held-out pair's log-probabilities, a row a pair."""
    tables = []
    for name, test in prepared.tests.items():
        columns = {"chosen": after[name][:, 0], "rejected": after[name][:, 1]}
        columns |= {"sft_chosen": before[name][:, 0], "sft_rejected": before[name][:, 1]}
        series = {key: pl.Series(values, dtype=pl.Float64) for key, values in columns.items()}
        split = pl.lit(name).alias("split")
        tables.append(test.rows.select("prompt_id", split).with_columns(**series))
    return pl.concat(tables) if tables else None


def _kept(known: Sft, first: Subject, subject: Subject) -> float | None:
    """Return how much the served weights keep; None where it cannot be measured."""
    if subject.load_trained is None:
        return 1.0
    prepared = known.prepared
    rows = sides_of(spread([pair for test in prepared.tests.values() for pair in test.encoded]))
    if not rows:
        return None
    pad = prepared.tokenizer.pad_token_id
    if known.exact is None:
        known.exact = logps_of(first.load_exact, rows, pad)
    trained = logps_of(subject.load_trained, rows, pad)
    served = logps_of(subject.load_exact, rows, pad)
    if known.exact is None or trained is None or served is None:
        return None
    share = kept_share(known.exact, trained, served)
    return share if np.isfinite(share) else None


def why_to_abort(stop: Stop, fresh: Fresh | None) -> str | None:
    """Say which limit a policy has passed, with its figure; None where it has passed none."""
    if fresh is None:
        return None
    if stop.max_kl is not None and fresh.kl > stop.max_kl:
        return f"KL {fresh.kl:.2f} nats an answer, above stop.max_kl ({stop.max_kl:g})"
    if stop.min_distinct is not None and fresh.distinct < stop.min_distinct:
        return f"distinct {fresh.distinct:.2f}, below stop.min_distinct ({stop.min_distinct:g})"
    return None
