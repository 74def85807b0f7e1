"""What a run ends with: its tables, its counts, and the dataset folder."""

from __future__ import annotations

import json
import time
from typing import Final

import msgspec
import polars as pl

from udasa_data.pairing import Restaged, curves_to_json, measure, unmeasured
from udasa_data.pipeline.preparation import Prepared
from udasa_data.publish import Tables, write_dataset
from udasa_data.runs import (
    Manifest,
    Run,
    StepCost,
    Summary,
    Thresholds,
    count,
    opening_notes,
    pinned,
    provenance,
    stage_notes,
    why_no_pairs,
)
from udasa_data.schema import DROPPED, require

_NOTED: Final = (
    "models",
    "template",
    "prompts",
    "answers",
    "origin",
    "samples",
    "scores",
    "dataset",
)
# of the run's manifest, what the dataset's manifest repeats under ``made_from``
_RECORDED: Final = (
    "keys",
    "sampled_from",
    "prompt_commits",
    "engine",
    "principles",
    "code",
    "origin",
    "review",
)


def finish(prepared: Prepared, restaged: Restaged, left_out: pl.DataFrame, started: float) -> None:
    """Write what a run ends with: pairs, what was left out, curves, counts and the dataset folder.

    Args:
        prepared: the run, its configuration, prompts, models and key; recorded already.
        restaged: the answers, paired and staged.
        left_out: rows, prompts and samples set aside before pairing.
        started: the ``time.monotonic()`` of the step's beginning.
    """
    run, answers, pairs = prepared.run, restaged.answers, restaged.pairs
    dropped = pl.concat([left_out, restaged.dropped]).with_columns(pl.col("run").fill_null(0))
    run.write_table("pairs.parquet", pairs)
    run.write_table("dropped.parquet", require(dropped, DROPPED, "dropped"))
    run.write_text("calibration.json", json.dumps(curves_to_json(restaged.curves)) + "\n")
    counts = count(answers, pairs, dropped, (restaged.low, restaged.high))
    cost = StepCost(time.monotonic() - started, 0)
    steps = {**run.manifest.get("steps", {}), "dataset": msgspec.to_builtins(cost)}
    confounds = measure(answers, pairs)
    config = prepared.config
    told = [*unmeasured(config), *stage_notes(pairs, config), *opening_notes(answers, pairs)]
    notes = {**run.manifest.get("notes", {}), "dataset": told}
    run.save_manifest(
        steps=steps,
        counts=msgspec.to_builtins(counts),
        confounds=msgspec.to_builtins(confounds),
        notes=notes,
        no_pairs=why_no_pairs(answers, pairs, dropped),
        review=msgspec.to_builtins(restaged.review),
    )
    _publish(prepared, Tables(pairs, answers, dropped))
    run.save_manifest(finished=prepared.keys["dataset"], **prepared.read)


def _publish(prepared: Prepared, tables: Tables) -> None:
    """Write the Hub-shaped folder."""
    run, config, summary = prepared.run, prepared.config, summary_of(prepared.run)
    axes = set(tables.samples["axis"].unique())
    models = provenance(config, prepared.models, axes, prepared.answered)
    bounds = summary.counts.thresholds or (None, None)
    manifest = Manifest(
        policy=models.policy,
        scorers=models.scorers,
        config=pinned(config, prepared.models),
        stages=Thresholds(*bounds),
        held_out=config.held_out,
        counts=summary.counts,
        confounds=summary.confounds,
        versions=run.manifest["versions"],
        notes=(*summary.notes, *([summary.no_pairs] if summary.no_pairs else [])),
        made_from={
            name: run.manifest[name] for name in _RECORDED if run.manifest.get(name) is not None
        },
    )
    run.write_folder("dataset", lambda folder: write_dataset(folder, tables, manifest))


def summary_of(run: Run) -> Summary:
    """Return the counts, costs and notes that a finished run's manifest holds."""
    noted: dict[str, list[str]] = run.manifest["notes"]
    # in one order, in whichever a run that was killed came to write them
    steps = sorted(noted, key=lambda step: (*_NOTED, step).index(step))
    return msgspec.convert(
        {
            "counts": run.manifest["counts"],
            "confounds": run.manifest["confounds"],
            "steps": run.manifest.get("steps", {}),
            "no_pairs": run.manifest.get("no_pairs"),
            "review": run.manifest.get("review"),
            "notes": [note for step in steps for note in noted[step]],
        },
        Summary,
    )
