"""``build()``: prompts → samples → scores → pairs → stages → dataset, in one straight line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from udasa_data.calibration import curves_to_json
from udasa_data.config import BuildConfig
from udasa_data.confounds import measure
from udasa_data.engines import load_engine
from udasa_data.preparation import Prepared
from udasa_data.progress import Progress, Silent
from udasa_data.publish.dataset import Tables, write_dataset
from udasa_data.publish.manifest import Manifest, Thresholds, provenance
from udasa_data.restaging import Restaged, restage
from udasa_data.sampling import sample_shard
from udasa_data.schema import DROPPED, SAMPLES, SCORES, require
from udasa_data.scorers import Scorers
from udasa_data.scoring import score_shard
from udasa_data.store import Run, replace_folder
from udasa_data.summary import StepCost, Summary, count

if TYPE_CHECKING:
    from udasa_data.scorers.loading import Unread


@dataclass(frozen=True)
class BuildResult:
    """A finished build.

    Attributes:
        out: the run directory.
        dataset: the Hub-shaped folder in it.
        summary: counts, costs and notes.
        reused: nothing had to be done.
    """

    out: Path
    dataset: Path
    summary: Summary
    reused: bool


@dataclass(frozen=True)
class Plan:
    """What a build would do, as ``--dry-run`` shows it."""

    config: BuildConfig
    prompts: int
    left_out: int
    shards: dict[str, tuple[int, int]]  # step → (there already, all)


def build(config: BuildConfig, out: Path, progress: Progress | None = None) -> BuildResult:
    """Build a staged preference dataset from a model's own answers.

    May be killed at any moment: the same call goes on at the shard it was in, with the same
    result. A call that has nothing to do does nothing.

    Args:
        config: see :func:`udasa_data.config.resolve`.
        out: the run directory, made if missing.
        progress: told how the long steps go.

    Raises:
        UserError: something the user can put right; the directory is left whole.
    """
    run = Run(out)
    prepared = Prepared(config, run)
    prepared.refuse_another_run()
    if prepared.is_finished():
        return _result(run, reused=True)
    with run.locked():
        prepared.record()
        watch = progress or Silent()
        _sample(prepared, watch)
        _score(prepared, watch)
        _pair(prepared)
    return _result(run, reused=False)


def plan(config: BuildConfig, out: Path) -> Plan:
    """Return what :func:`build` would do; writes nothing.

    Raises:
        UserError: as :func:`build`, as far as can be known without running a model.
    """
    prepared = Prepared(config, Run(out))
    prepared.refuse_another_run()
    shards = {step: (s.count - len(s.missing()), s.count) for step, s in prepared.shards.items()}
    loaded = prepared.loaded
    return Plan(config, len(loaded.prompts), len(loaded.dropped), shards)


@contextmanager
def _step(prepared: Prepared, progress: Progress, step: str) -> Iterator[list[int]]:
    """Open a sharded step: yields the shards to be made."""
    shards = prepared.shards[step]
    missing = shards.missing()
    total = len(prepared.loaded.prompts)
    to_do = sum(len(prepared.shard_of_prompts(n)) for n in missing)
    progress.start(step, total, total - to_do)
    yield missing
    progress.finish()
    shards.remove_others()


def _sample(prepared: Prepared, progress: Progress) -> None:
    with _step(prepared, progress, "samples") as missing:
        if not missing:
            return
        started = time.monotonic()
        engine = load_engine(prepared.config, prepared.models[prepared.config.policy.id])
        _add_notes(prepared.run, "samples", engine.notes)
        for number in missing:
            prompts = prepared.shard_of_prompts(number)
            sampled = sample_shard(prompts, engine, prepared.config, progress.advance)
            prepared.shards["samples"].write(number, sampled.samples, sampled.dropped)
            tokens = int(sampled.samples["n_tokens"].sum())
            progress.advance(0, tokens)
            started = _add_cost(prepared.run, "samples", started, tokens)


def _score(prepared: Prepared, progress: Progress) -> None:
    with _step(prepared, progress, "scores") as missing:
        if not missing:
            return
        started = time.monotonic()
        from udasa_data.scorers.loading import Unread

        unread = Unread()
        scorers = _load_scorers(prepared, unread)
        for number in missing:
            prompts = prepared.shard_of_prompts(number)
            samples = require(prepared.shards["samples"].read(number), SAMPLES, "samples")

            def on_share(share: float, size: int = len(prompts)) -> None:
                progress.advance(share * size)

            scored = score_shard(prompts, samples, scorers, prepared.config.scoring, on_share)
            prepared.shards["scores"].write(number, scored.scores, scored.dropped)
            started = _add_cost(prepared.run, "scores", started, int(samples["n_tokens"].sum()))
        _add_notes(prepared.run, "scores", unread.notes())


def _load_scorers(prepared: Prepared, unread: Unread) -> Scorers:
    from udasa_data.scorers.batching import resolve_precision
    from udasa_data.scorers.loading import load_scorers, with_policy

    config, models = prepared.config, prepared.models
    # recorded, so that a run that moves to another machine goes on as it began
    recorded = prepared.run.manifest.get("precision", {})
    key = prepared.keys["scores"]
    precision = recorded.get(key) or resolve_precision(config.scoring.precision)
    prepared.run.save_manifest(precision={key: precision})
    scorers = load_scorers(config, models, precision, unread)
    return with_policy(scorers, config, models[config.policy.id], prepared.principles, unread)


def _pair(prepared: Prepared) -> None:
    started = time.monotonic()
    answers, left_out = _answers(prepared)
    restaged = restage(answers, prepared.config)
    finish(prepared, restaged, left_out, started)


def _answers(prepared: Prepared) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all scored answers with their prompts, and what was left out before pairing."""
    samples, not_sampled = prepared.shards["samples"].read_all()
    scores, not_scored = prepared.shards["scores"].read_all()
    prompts = prepared.loaded.prompts.drop("split").rename({"messages": "prompt"})
    answers = (
        require(scores, SCORES, "scores")
        .join(samples, on=["prompt_id", "sample_id"], how="left", maintain_order="left")
        .join(prompts, on="prompt_id", how="left", maintain_order="left")
        .with_columns(run=pl.lit(0, dtype=pl.Int32))
    )
    left_out = [prepared.loaded.dropped, not_sampled, not_scored]
    return answers, pl.concat(left_out, how="diagonal")  # shards of earlier versions have no run


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
    _add_cost(run, "dataset", started, 0)
    confounds = measure(answers, pairs)
    run.save_manifest(counts=msgspec.to_builtins(counts), confounds=msgspec.to_builtins(confounds))
    _publish(prepared, Tables(pairs, answers, dropped))
    run.save_manifest(finished=prepared.keys["dataset"])


def _publish(prepared: Prepared, tables: Tables) -> None:
    """Write the Hub-shaped folder."""
    run, config, summary = prepared.run, prepared.config, _summary(prepared.run)
    models = provenance(config, prepared.models, set(tables.samples["axis"]))
    bounds = summary.counts.thresholds or (None, None)
    told = (
        "keys",
        "sampled_from",
        "prompt_commits",
        "engine",
        "principles",
        "code",
        "notes",
        "origin",
    )
    manifest = Manifest(
        policy=models.policy,
        scorers=models.scorers,
        config=config,
        stages=Thresholds(*bounds),
        held_out=config.held_out,
        counts=summary.counts,
        confounds=summary.confounds,
        versions=run.manifest["versions"],
        made_from={name: run.manifest[name] for name in told if name in run.manifest},
    )
    replace_folder(
        run.root / "dataset",
        lambda folder: write_dataset(folder, tables, manifest, summary),
    )


def _add_cost(run: Run, step: str, started: float, tokens: int) -> float:
    """Add the time since ``started`` to a step's cost; return the time now."""
    now = time.monotonic()
    steps = dict(run.manifest.get("steps", {}))
    cost = msgspec.convert(steps.get(step, {}), StepCost).plus(now - started, tokens)
    run.save_manifest(steps={**steps, step: msgspec.to_builtins(cost)})
    return now


def _add_notes(run: Run, step: str, notes: Iterable[str]) -> None:
    told = run.manifest.get("notes", {})
    run.save_manifest(notes={**told, step: list(dict.fromkeys([*told.get(step, []), *notes]))})


def _summary(run: Run) -> Summary:
    return msgspec.convert(
        {
            "counts": run.manifest["counts"],
            "confounds": run.manifest["confounds"],
            "steps": run.manifest.get("steps", {}),
            "notes": [note for notes in run.manifest["notes"].values() for note in notes],
        },
        Summary,
    )


def _result(run: Run, *, reused: bool) -> BuildResult:
    return BuildResult(run.root, run.root / "dataset", _summary(run), reused)
