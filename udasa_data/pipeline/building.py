"""``build()``: prompts → samples → scores → pairs → stages → dataset, in one straight line."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.errors import UserError, redacted
from udasa_data.pairing import restage
from udasa_data.pipeline.answered import Answered
from udasa_data.pipeline.derivation import Derived
from udasa_data.pipeline.executors.local import LocalExecutor
from udasa_data.pipeline.executors.protocol import Executor
from udasa_data.pipeline.finishing import finish, summary_of
from udasa_data.pipeline.preparation import Prepared
from udasa_data.pipeline.results import BuildResult, Preview, SliceResult
from udasa_data.progress import Progress, Silent, logged
from udasa_data.runs import (
    LOG,
    MANIFEST,
    DamagedShardError,
    Origin,
    Run,
    StepCost,
    as_notes,
    loadable,
    parse_manifest,
)
from udasa_data.schema import SCORES, require
from udasa_data.scoring import GivenAnswers
from udasa_data.storage import read_files

REPAIRS: Final = 1000
_JOINED: Final = 64  # shards whose samples and scores are joined at a time


def build(
    config: BuildConfig,
    out: Path | str,
    progress: Progress | None = None,
    executor: Executor | None = None,
    origin: Origin | GivenAnswers | None = None,
) -> BuildResult:
    """Build a staged preference dataset from a model's own answers.

    May be killed at any moment: the same call resumes where it was, minutes before at most, with
    the same result. A call that has nothing to do does nothing.

    Args:
        config: see :func:`udasa_data.config.presets.resolve`.
        out: the run directory, made if missing; a path, or an address that fsspec knows (s3://…).
        progress: shows how the long steps go.
        executor: where samples and scores are made; None makes them in this process.
        origin: the dataset whose samples to start from, and whose scores where ``config`` leaves
            them as they are; or the answers of a file; None draws and scores them.

    Raises:
        UserError: something the user can put right; the directory is left whole.
    """
    run = Run(out)
    prepared = _prepare(config, run, origin)
    prepared.refuse_another_run()
    if prepared.is_finished() and run.is_kept_twice:
        return _result(run, reused=True)
    prepared.try_system_prompt()
    executor, progress = executor or LocalExecutor(), progress or Silent()
    prepared.try_template()
    if prepared.template_note:
        progress.say(prepared.template_note)
    with run.locked(), _logged(run, progress) as progress:
        if reused := prepared.is_finished():
            run.save_manifest()  # of the two, one is damaged
        else:
            prepared.record()
            repairing(prepared, progress, lambda: _make(prepared, executor, progress))
    return _result(run, reused=reused)


def _logged(run: Run, progress: Progress) -> AbstractContextManager[Progress]:
    """Write the progress of a run on this machine into its ``log.txt``, start after start."""
    if isinstance(run.root, Path):
        return logged(progress, run.root / LOG, redacted)
    return nullcontext(progress)


def _make(prepared: Prepared, executor: Executor, progress: Progress) -> None:
    if not prepared.reuses_scores:
        prepared.bring_samples()
        executor.make_shards(prepared, progress)
        _take_stock(prepared)
    progress.start("dataset", len(prepared.loaded.prompts), 0)
    _pair(prepared)
    progress.finish()


def repairing(prepared: Prepared, progress: Progress, make: Callable[[], None]) -> None:
    """Do something with the shards of a run; again, where one was damaged and had to go.

    Raises:
        UserError: shards are damaged again as soon as they are written.
    """
    for _ in range(REPAIRS):
        try:
            make()
        except DamagedShardError as damaged:
            progress.tell(f"{damaged}, made again")
            prepared.discard(damaged)
        else:
            return
    raise UserError(
        f"{prepared.run.root}: {REPAIRS:,} shards were not as they had been written; check the disk"
    )


def build_slice(
    config: BuildConfig,
    out: Path | str,
    rank: int,
    world_size: int,
    progress: Progress | None = None,
) -> SliceResult:
    """Make one slice of a build's shards, samples and scores, and nothing else.

    For schedulers that start ``world_size`` such processes, in any order, at once or not, again if
    one died. :func:`build` with the same configuration then finds every shard there.

    Args:
        config: as for :func:`build`.
        out: as for :func:`build`; a place that all ranks share.
        rank: which slice, from 0 to ``world_size`` - 1.
        world_size: how many slices there are.
        progress: shows how the long steps go.

    Raises:
        UserError: something the user can put right; the directory is left whole.
    """
    if not 0 <= rank < world_size:
        raise UserError(
            f"rank {rank} of {world_size}: ranks count from 0 to {world_size - 1}, the world size "
            "less one"
        )
    run = Run(out)
    prepared = Prepared(config, run)
    prepared.refuse_another_run()
    prepared.try_system_prompt()
    with run.locked(shared=True):
        if not prepared.join():  # another rank was first, and what it pinned counts
            run.reread()
            prepared = Prepared(config, run)
            prepared.refuse_another_run()
        executor = LocalExecutor(rank, world_size)
        with _logged(run, progress or Silent()) as watched:
            repairing(prepared, watched, lambda: executor.make_shards(prepared, watched))
    count = prepared.shards["samples"].count
    return SliceResult(run.root, rank, world_size, len(range(rank, count, world_size)), count)


def preview(
    config: BuildConfig, out: Path | str, origin: Origin | GivenAnswers | None = None
) -> Preview:
    """Return what :func:`build` would do; writes nothing.

    Raises:
        UserError: as :func:`build`, as far as can be known without running a model.
    """
    prepared = _prepare(config, Run(out), origin)
    prepared.refuse_another_run()
    prepared.try_system_prompt()
    shards = {step: (s.count - len(s.missing()), s.count) for step, s in prepared.shards.items()}
    loaded = prepared.loaded
    axes = dict(loaded.prompts["axis"].value_counts().sort("axis").iter_rows())
    return Preview(config, len(loaded.prompts), loaded.left_out, shards, axes, loaded.notes)


def _prepare(config: BuildConfig, run: Run, origin: Origin | GivenAnswers | None) -> Prepared:
    if origin is None:
        return Prepared(config, run)
    if isinstance(origin, Origin):
        return Derived(config, run, origin)
    return Answered(config, run, origin)


def _take_stock(prepared: Prepared) -> None:
    """Sum up what the shards took and met, and delete those that another key made."""
    run = prepared.run
    steps, notes = dict(run.manifest.get("steps", {})), dict(run.manifest.get("notes", {}))
    for step, shards in prepared.shards.items():
        if missing := shards.missing():
            raise UserError(
                f"{run.root}: {len(missing)} of {shards.count} shards of {step} are not there "
                "after the work; --out must be a place that all workers share"
            )
        facts = shards.facts()
        seconds = sum(shard.seconds + shard.loading for shard in facts)
        cost = StepCost(seconds, sum(shard.tokens for shard in facts))
        steps[step] = msgspec.to_builtins(cost)
        counted: Counter[str] = Counter()
        for shard in facts:
            counted.update(shard.counted)
        step_notes = [note for shard in facts for note in shard.notes]
        if step == "samples" and prepared.config.engine == "auto":
            step_notes = [f"engine {prepared.engine}: {prepared.engine_reason}", *step_notes]
        notes[step] = [*dict.fromkeys(step_notes), *as_notes(counted)]
        shards.remove_others()
    prepared.parts.remove_all()
    run.save_manifest(steps=steps, notes=notes)


def _pair(prepared: Prepared) -> None:
    started = time.monotonic()
    answers, left_out = _answers(prepared)
    restaged = restage(answers, prepared.config)
    finish(prepared, restaged, left_out, started)


def _answers(prepared: Prepared) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all scored answers with their prompts, and what was left out before pairing."""
    if isinstance(prepared, Derived) and prepared.reuses_scores:
        return prepared.origin.answers, prepared.loaded.dropped
    prompts = prepared.loaded.prompts.drop("split").rename({"messages": "prompt"})
    answers, left_out = [], [prepared.loaded.dropped]
    count = prepared.shards["samples"].count
    # some shards at a time: what is joined is copied, and not all of it is to be there twice
    for first in range(0, count, _JOINED):
        numbers = range(first, min(first + _JOINED, count))
        samples, not_sampled = prepared.shards["samples"].read_some(numbers)
        scores, not_scored = prepared.shards["scores"].read_some(numbers)
        answers.append(
            require(scores, SCORES, "scores")
            .join(samples, on=["prompt_id", "sample_id"], how="left", maintain_order="left")
            .join(prompts, on="prompt_id", how="left", maintain_order="left")
        )
        left_out += [not_sampled, not_scored]
    table = pl.concat(answers).with_columns(run=pl.lit(0, dtype=pl.Int32))
    return table, pl.concat(left_out, how="diagonal")  # shards of earlier versions have no run


def _result(run: Run, *, reused: bool) -> BuildResult:
    dataset = run.root / "dataset"
    (text,) = read_files([dataset / MANIFEST])
    files = parse_manifest(text.decode(), str(dataset)).files if text else {}
    loads = loadable(files.values())
    return BuildResult(run.root, dataset, summary_of(run), reused, loads)
