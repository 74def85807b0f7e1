"""What an evaluation will take, before its first token: tokens, calls of judges, time, money.

What is asked is counted on the documents. What will be written is projected from a few prompts that
are really asked, as ``udasa-data plan`` does; where nothing is tried it is the most that the tasks'
budgets allow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from udasa_data.config import BuildConfig
from udasa_data.preflight import (
    Interval,
    Prices,
    exactly,
    money_of,
    seconds_of,
    sum_of,
    total_of,
)
from udasa_data.progress import Progress, Silent
from udasa_data.runs import Run
from udasa_eval.answers import SHARD, TURN_2, baselines, prompt_hash
from udasa_eval.judging import (
    TOKEN,
    Judge,
    PromptedJudge,
    Role,
    WrittenJudge,
    judges_of,
    load_of,
    needed_roles,
    roles_of,
)
from udasa_eval.results import EVALUATION
from udasa_eval.running.options import RunOptions
from udasa_eval.running.planning import Ready, prepare
from udasa_eval.running.projection import JudgeNeed, Projection, TaskNeed
from udasa_eval.running.trial import Trial, try_prompts
from udasa_eval.tasks import BuiltTask, requests_of

PILOT: Final = 8  # prompts of a task


class _Table(NamedTuple):
    """A table of answers to come: a task's, or its second turns'.

    Attributes:
        built: the task.
        name: of the table.
        chars: of what is asked, by document; the answer of a first turn left out.
        samples: answers to a prompt; 0 where choices are weighed.
        written: tokens, of all its answers.
        before: tokens of the first turns' answers that stand in what is asked.
    """

    built: BuiltTask
    name: str
    chars: list[int]
    samples: int
    written: Interval
    before: Interval


def plan(
    options: RunOptions,
    pilot: int = PILOT,
    rate: float | None = None,
    prices: Prices | None = None,
    progress: Progress | None = None,
) -> Projection:
    """Try a few prompts of each task, and project what the whole evaluation will take here.

    Args:
        options: of the run.
        pilot: prompts of a task that are tried, 2 or more; 0 tries nothing and loads no model.
        rate: tokens a second that the policy writes, where nothing is tried.
        prices: of the policy and the machine; the policy's default to those of its server.
        progress: shows how the trial goes.

    Raises:
        UserError: as of a run.
    """
    with tempfile.TemporaryDirectory() as place:
        whole, part = (Run(Path(place) / name, EVALUATION) for name in ("whole", "pilot"))
        with whole.locked(), part.locked():
            ready = prepare(options, whole)
            trial = _try(options, whole, part, pilot, progress or Silent()) if pilot else None
            answers: baselines.Answers = {}
            if ready.stored.baseline is not None:
                answers = baselines.from_table(whole.read_table(baselines.TABLE))
    return _project(ready, answers, trial, rate, _priced(prices or Prices(), ready.config))


def _try(options: RunOptions, whole: Run, part: Run, pilot: int, progress: Progress) -> Trial:
    manifest = whole.manifest  # the same commits, not looked up again
    part.save_manifest(models=manifest.get("models", {}), commits=manifest.get("commits", {}))
    few = msgspec.structs.replace(options, limit=min(pilot, options.limit or pilot))
    return try_prompts(prepare(few, part), part, options.seed, progress)


def _priced(prices: Prices, config: BuildConfig) -> Prices:
    """Return prices, where none of tokens are given with those of the policy's server."""
    served = config.server.prices if config.server else None
    if served is None or (prices.input_tokens, prices.output_tokens) != (None, None):
        return prices
    return Prices(prices.hour, served.input, served.output)


def _project(
    ready: Ready,
    answers: baselines.Answers,
    trial: Trial | None,
    rate: float | None,
    prices: Prices,
) -> Projection:
    chars_a_token = (trial and trial.chars_a_token) or TOKEN
    tables = [table for built in ready.tasks for table in _tables(built, ready, trial)]
    tasks = tuple(_task(table, trial, rate, chars_a_token) for table in tables)
    judges = _judges(ready, tables, answers, chars_a_token)
    judging = _judging(tables, answers, trial)
    seconds = _seconds(tasks, judging, trial, rate)
    money = money_of(
        prices,
        seconds or exactly(0.0),
        sum_of([need.input_tokens for need in tasks]),
        sum_of([need.output_tokens for need in tasks]),
    )
    parts = [part for part in (money, *(judge.money for judge in judges)) if part is not None]
    return Projection(
        tasks,
        tuple(judges),
        judging,
        seconds,
        sum_of(parts) if parts else None,
        max(trial.documents.values()) if trial else 0,
        trial.seconds if trial else 0.0,
        (*ready.stored.notes, *_notes(ready, trial, rate)),
    )


def _tables(built: BuiltTask, ready: Ready, trial: Trial | None) -> list[_Table]:
    """Return the tables that a task will fill."""
    asked = [0] * len(built.documents)
    for request in requests_of(built, _joined, ready.stored.system_prompt):
        texts = request.args if built.decoding is None else request.args[:1]
        asked[request.doc_id] += sum(map(len, texts))
    name, samples = built.plan.name, built.decoding.samples if built.decoding else 0
    first = _Table(built, name, asked, samples, _written(built, name, trial), exactly(0.0))
    follow_ups = [len(str(document.get("follow_up", ""))) for document in built.documents]
    if not any(follow_ups):
        return [first]
    second = name + TURN_2
    return [
        first,
        first._replace(
            name=second,
            chars=[one + other for one, other in zip(asked, follow_ups, strict=True)],
            written=_written(built, second, trial),
            before=first.written.times(1 / samples),
        ),
    ]


def _joined(messages: Sequence[dict[str, Any]], **_options: object) -> str:
    return "".join(str(message["content"]) for message in messages)


def _written(built: BuiltTask, table: str, trial: Trial | None) -> Interval:
    """Return the tokens of a table's answers: projected, or the most that its budget allows."""
    if built.decoding is None:
        return exactly(0.0)
    n = len(built.documents)
    tried = trial.written.get(table, []) if trial else []
    if len(tried) >= min(2, n):
        return total_of(tried, n)
    most = n * built.decoding.samples * built.decoding.max_tokens
    return Interval(most, 0.0, most)


def _task(table: _Table, trial: Trial | None, rate: float | None, chars_a_token: float) -> TaskNeed:
    n, seconds = len(table.chars), None
    task = table.built.plan.name
    if trial and table.name == task:  # which has the time of its second turns, too
        work = trial.work[task] / trial.documents[task] * n
        seconds = seconds_of(0.0, work, table.written.spread)
    elif rate is not None and table.samples:
        seconds = table.written.times(1 / rate)
    read = exactly(sum(table.chars) / chars_a_token).plus(table.before)
    return TaskNeed(table.name, n, n * table.samples, read, table.written, seconds)


def _judges(
    ready: Ready, tables: Sequence[_Table], answers: baselines.Answers, chars_a_token: float
) -> list[JudgeNeed]:
    """Return what each judge of each role will be asked."""
    system = len(ready.stored.system_prompt or "")  # which judges do not read
    needs = []
    for role in needed_roles([table.name for table in tables], answers):
        judged = [table for table in tables if role in roles_of(table.name, answers)]
        asked = [c - system for t in judged for c in t.chars for _ in range(t.samples)]
        compared = _compared(judged, answers) if role == "preference" else []
        read = sum_of([t.written.plus(t.before.times(t.samples)) for t in judged])
        needs += [
            _judge(role, judge, asked, compared, read, chars_a_token)
            for judge in judges_of(ready.stored.judges, role)
        ]
    return needs


def _compared(judged: Sequence[_Table], answers: baselines.Answers) -> list[int]:
    """Return the characters of the baseline's answer behind each answer to come."""
    return [
        len(answers[table.name][prompt_hash(document, table.built.plan.notes.template)])
        for table in judged
        for document in table.built.documents
        for _ in range(table.samples)
    ]


def _judge(
    role: Role,
    judge: Judge,
    asked: Sequence[int],
    compared: Sequence[int],
    answered: Interval,
    chars_a_token: float,
) -> JudgeNeed:
    """Return what one judge will be asked about answers of so many tokens."""
    if not isinstance(judge, PromptedJudge):
        return JudgeNeed(role, judge.id, len(asked) * (2 if compared else 1), None, None, None)
    load = load_of(judge, asked, compared)
    read = exactly(load.chars / chars_a_token).plus(answered.times(load.readings))
    written = exactly(load.calls)  # of which one token is weighed
    if isinstance(judge, WrittenJudge):
        most = float(load.calls * judge.max_tokens)
        written = Interval(most, 0.0, most)
    served = judge.options.get("server", {}).get("prices")
    prices = (
        Prices(None, served["input"], served["output"]) if served else Prices(None, judge.price)
    )
    money = money_of(prices, exactly(0.0), read, written)
    return JudgeNeed(role, judge.id, load.calls, read, written, money)


def _judging(
    tables: Sequence[_Table], answers: baselines.Answers, trial: Trial | None
) -> dict[str, Interval]:
    """Return the seconds of each role's judges, loading included."""
    if trial is None:
        return {}
    seconds: dict[str, Interval] = {}
    for role, taken in trial.judges.items():
        judged = [table for table in tables if role in roles_of(table.name, answers)]
        n = sum(table.samples * len(table.chars) for table in judged)
        spread = sum_of([table.written for table in judged]).spread
        seconds[role] = seconds_of(taken.loading, taken.work / max(taken.answers, 1) * n, spread)
    return seconds


def _seconds(
    tasks: Sequence[TaskNeed],
    judging: dict[str, Interval],
    trial: Trial | None,
    rate: float | None,
) -> Interval | None:
    if trial is None and rate is None:
        return None
    parts = [need.seconds for need in tasks if need.seconds is not None]
    return sum_of([*parts, *judging.values(), exactly(trial.loading if trial else 0.0)])


def _notes(ready: Ready, trial: Trial | None, rate: float | None) -> list[str]:
    notes = []
    if trial is None:
        notes.append(
            "nothing was tried: what is written is the most that the tasks' budgets allow, and a "
            f"token is taken for {TOKEN:g} characters"
        )
        if rate is not None:
            notes.append(
                "the time is that of writing: what is read, choices that are weighed and judges "
                "come on top"
            )
    elif any(
        trial.documents[built.plan.name] < min(SHARD, len(built.documents)) for built in ready.tasks
    ):
        notes.append(
            f"fewer prompts of a task were tried than are asked at a time ({SHARD}): an engine "
            "that gains from large batches will be quicker; a larger --pilot comes closer"
        )
    if ready.stored.reference is not None:
        notes.append("what the reference reads for the KL is in no figure")
    return notes
