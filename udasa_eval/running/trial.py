"""A few prompts of each task, really asked and judged: how much is written, and how long it takes.

Loading is measured apart, since it is done once whatever there is to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import polars as pl

from udasa_data.engines import Engine
from udasa_data.errors import UserError
from udasa_data.progress import Progress, Silent
from udasa_data.runs import Run
from udasa_eval.answers import Asked, EngineLM, FirstPass, Weights, baselines
from udasa_eval.judging import Role, Tables, judge_task, loaded, needed_roles
from udasa_eval.results import read_tables
from udasa_eval.running.planning import Ready, pin_all

_CACHE: Final = "scores.sqlite"  # the user's own would make judges look quick


class Taken(NamedTuple):
    """Seconds of wall time that judging took: to load, and to judge so many answers."""

    loading: float
    work: float
    answers: int


class Trial(NamedTuple):
    """What a few prompts of each task took.

    Attributes:
        written: tokens by task's table (second turns have one of their own), of each prompt.
        chars_a_token: of what was written; None where nothing was.
        documents: by task, how many were tried.
        loading: seconds, of the policy.
        work: seconds by task.
        judges: by role.
        seconds: of it all.
    """

    written: Mapping[str, list[int]]
    chars_a_token: float | None
    documents: Mapping[str, int]
    loading: float
    work: Mapping[str, float]
    judges: Mapping[Role, Taken]
    seconds: float


def try_prompts(ready: Ready, folder: Run, seed: int, progress: Progress) -> Trial:
    """Ask and judge what a small evaluation asks.

    Args:
        ready: the small evaluation, of two prompts or more a task.
        folder: its own, which is thrown away.
        seed: of sampling.
        progress: shows how it goes.

    Raises:
        UserError: a model cannot be loaded, or no prompt could be answered.
    """
    began = perf_counter()
    backend = _Timed(ready, seed)
    clock = _Clock(backend, progress)
    asked = Asked(
        ready.policy.fingerprint,
        ready.stored.template_sha256,
        ready.stored.system_prompt,
        backend.engine_name,
        ready.stored.chat_template_kwargs,
    )
    FirstPass(folder, backend, asked, clock).run(ready.tasks)
    backend.close()
    rows = read_tables(folder.folder, "generations")
    drawn = rows.filter(pl.col("n_tokens").is_not_null())
    if drawn.is_empty() and any(built.decoding for built in ready.tasks):
        raise UserError("none of the prompts that were tried could be answered; try more: --pilot")
    of_prompt = drawn.group_by("task", "prompt_hash", maintain_order=True).agg(
        pl.col("n_tokens").sum()
    )
    written = {
        str(task): of_task["n_tokens"].to_list()
        for (task,), of_task in of_prompt.group_by("task", maintain_order=True)
    }
    texts = [*drawn["text"].drop_nulls(), *drawn["reasoning"].drop_nulls()]
    said = sum(map(len, texts))
    tokens = int(drawn["n_tokens"].sum() or 0)
    judges = _time_judges(ready, folder, rows)
    return Trial(
        written,
        said / tokens if tokens and said else None,
        {built.plan.name: len(built.documents) for built in ready.tasks},
        backend.loading,
        {
            built.plan.name: clock.work[built.plan.name.removeprefix("udasa_")]
            for built in ready.tasks
        },
        judges,
        perf_counter() - began,
    )


def _time_judges(ready: Ready, folder: Run, rows: pl.DataFrame) -> dict[Role, Taken]:
    """Return what judging took by role, one judge in memory at a time."""
    by_task = {str(task): table for (task,), table in rows.group_by("task", maintain_order=True)}
    answers: baselines.Answers = {}
    if ready.stored.baseline is not None:
        answers = baselines.from_table(folder.read_table(baselines.TABLE))
    tables = Tables(by_task, answers)
    roles = needed_roles(by_task, answers)
    judges = pin_all(roles, ready.stored.judges, folder.manifest.get("models", {}))
    taken: dict[Role, Taken] = {}
    for role in roles:
        loading = work = 0.0
        for member in judges[role].members:
            began = perf_counter()
            with loaded(member, cache_file=Path(folder.folder) / _CACHE) as judge:
                there = perf_counter()
                for task in tables.tasks_of(role):
                    judge_task(judge, role, tables, task, Silent().advance)
                loading, work = loading + there - began, work + perf_counter() - there
        answers_n = sum(len(tables.with_text(task)) for task in tables.tasks_of(role))
        taken[role] = Taken(loading, work, answers_n)
    return taken


class _Timed(EngineLM):
    """A policy that knows how long it took to load."""

    def __init__(self, ready: Ready, seed: int) -> None:
        super().__init__(ready.policy, ready.config, seed)
        self.loading = 0.0

    def engine(self) -> Engine:
        """Return the engine, loaded when it is first asked for."""
        began = perf_counter()
        engine = super().engine()
        self.loading += perf_counter() - began
        return engine

    def weights(self, precision: str) -> Weights:
        """Return the weights, loaded when they are first asked for."""
        began = perf_counter()
        weights = super().weights(precision)
        self.loading += perf_counter() - began
        return weights


class _Clock(Silent):
    """Measures the steps of the first pass, loading left out, and hands their reports on."""

    def __init__(self, backend: _Timed, progress: Progress) -> None:
        self._backend = backend
        self._progress = progress
        self._step = ""
        self._began = 0.0
        self.work: defaultdict[str, float] = defaultdict(float)

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a task."""
        self._progress.start(step, total, done)
        self._step = step
        self._began = perf_counter() - self._backend.loading

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Hand the report on."""
        self._progress.advance(prompts, tokens)

    def finish(self) -> None:
        """End a task."""
        self._progress.finish()
        self.work[self._step] += perf_counter() - self._backend.loading - self._began
