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

from udasa_data.calibration import calibrate, curves_to_json, fit_curves, read_curves
from udasa_data.config import BuildConfig
from udasa_data.confounds import measure
from udasa_data.engines import load_engine
from udasa_data.pairs import make_pairs
from udasa_data.preparation import Prepared
from udasa_data.progress import Progress, Silent
from udasa_data.publish.dataset import Tables, write_dataset
from udasa_data.publish.manifest import Manifest, Thresholds, pinned, provenance
from udasa_data.sampling import sample_shard
from udasa_data.schema import CALIBRATED, DROPPED, PAIRS, SAMPLES, SCORES, require
from udasa_data.scorers import Scorers
from udasa_data.scoring import score_shard
from udasa_data.stages import assign_stages
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
    config, run, prompts = prepared.config, prepared.run, prepared.loaded.prompts
    samples, not_sampled = prepared.shards["samples"].read_all()
    scores, not_scored = prepared.shards["scores"].read_all()
    of_prompt = prompts.select("prompt_id", "axis", "mode", "source", "context", "messages")
    keys = ["prompt_id", "sample_id"]
    answers = (
        require(scores, SCORES, "scores")
        .join(samples, on=keys, how="left", maintain_order="left")
        .join(of_prompt, on="prompt_id", how="left", maintain_order="left")
    )
    axes = answers["axis"].to_numpy().astype(str)
    known = config.calibration.curves
    curves = read_curves(Path(known)) if known else fit_curves(scores, axes, config.calibration)
    calibrated = calibrate(scores, axes, curves, config.weights)
    answers = pl.concat([answers, calibrated.table.drop(keys)], how="horizontal")
    paired = make_pairs(answers, calibrated.leave_one_out, config.pairing, config.seed)
    staged = assign_stages(paired.pairs, config.stages.cutoffs)
    pairs = _with_texts(staged.pairs, answers)
    dropped = pl.concat([prepared.loaded.dropped, not_sampled, not_scored, paired.dropped])
    run.write_table("pairs.parquet", pairs)
    run.write_table("dropped.parquet", require(dropped, DROPPED, "dropped"))
    run.write_text("calibration.json", json.dumps(curves_to_json(curves)) + "\n")
    counts = count(prompts, answers, pairs, dropped, (staged.low, staged.high))
    _add_cost(run, "dataset", started, 0)
    confounds = measure(answers, pairs)
    run.save_manifest(counts=msgspec.to_builtins(counts), confounds=msgspec.to_builtins(confounds))
    _publish(prepared, Tables(pairs, _published(answers), dropped))
    run.save_manifest(finished=prepared.keys["dataset"])


def _published(answers: pl.DataFrame) -> pl.DataFrame:
    """Return the samples as they are published: with their prompts, so that others can pair."""
    columns = dict.fromkeys([*SAMPLES, *SCORES, *CALIBRATED, "axis", "mode", "source", "context"])
    return answers.select("prompt_id", pl.col("messages").alias("prompt"), *list(columns)[1:])


def _publish(prepared: Prepared, tables: Tables) -> None:
    """Write the Hub-shaped folder."""
    run, config, summary = prepared.run, prepared.config, _summary(prepared.run)
    models = provenance(config, prepared.models, set(tables.samples["axis"]))
    bounds = summary.counts.thresholds or (None, None)
    told = ("keys", "sampled_from", "prompt_commits", "engine", "principles", "code")
    manifest = Manifest(
        policy=models.policy,
        scorers=models.scorers,
        config=pinned(config, prepared.models),
        stages=Thresholds(*bounds),
        held_out=config.held_out,
        counts=summary.counts,
        confounds=summary.confounds,
        versions=run.manifest["versions"],
        notes=summary.notes,
        made_from={name: run.manifest[name] for name in told},
    )
    replace_folder(
        run.root / "dataset",
        lambda folder: write_dataset(folder, tables, manifest),
    )


def _with_texts(staged: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs table: staged ids with their messages and uncertainties."""
    table = staged
    for side in ("chosen", "rejected"):
        message = pl.struct(pl.lit("assistant").alias("role"), pl.col("text").alias("content"))
        of_side = answers.select(
            "prompt_id",
            pl.col("sample_id").alias(f"{side}_id"),
            message.implode().over("prompt_id", "sample_id", mapping_strategy="join").alias(side),
            pl.col("uncertainty").alias(f"uncertainty_{side}"),
            *(pl.col(f"u_{d}").alias(f"u_{d}_{side}") for d in ("semantic", "factual", "value")),
        )
        table = table.join(
            of_side, on=["prompt_id", f"{side}_id"], how="left", maintain_order="left"
        )
    of_prompt = answers.select(
        "prompt_id", pl.col("messages").alias("prompt"), "axis", "mode", "source", "context"
    ).unique("prompt_id")
    table = table.join(of_prompt, on="prompt_id", how="left", maintain_order="left")
    return require(table, PAIRS, "pairs")


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
