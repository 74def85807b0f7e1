"""``run()`` and ``score()``: the two passes in one straight line.

manifest.json             what is evaluated, and how far it got   baseline.parquet
shards/                   parts of the first pass; gone when a task is done
generations/, scores/, results.json                               see ``results``
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from udasa_data.config import convert
from udasa_data.errors import UserError
from udasa_data.preflight import Report
from udasa_data.progress import Progress, Silent
from udasa_data.runs import Run
from udasa_data.storage import Located
from udasa_eval.answers import TURN_2, Asked, EngineLM, FirstPass, baselines, difficulties
from udasa_eval.judging import (
    PinnedJudge,
    Role,
    Scored,
    Tables,
    estimate,
    judge_set,
    needed_roles,
    score_tables,
)
from udasa_eval.results import (
    CONTROLLED,
    EVALUATION,
    SCHEMA_VERSION,
    SCORES,
    Results,
    TaskRecord,
    metrics_of,
    read_tables,
    unscored_of,
    with_length_control,
    write_results,
    write_table,
)
from udasa_eval.running.checking import check_run
from udasa_eval.running.comparable import of_comparable, with_comparable
from udasa_eval.running.endings import of_cut_answers, with_endings
from udasa_eval.running.options import RunOptions, Stored
from udasa_eval.running.planning import locate_reference, model_id, pin_all, plan_run, prepare

_VERSIONS: Final = ("udasa", "lm-eval", "torch", "transformers", "polars", "numpy")


def run(
    options: RunOptions,
    out: Path,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Results:
    """Evaluate a model: store what it says, then score it.

    May be killed at any moment: the same call resumes at the shard it was in, with the same
    result. A call that has nothing to generate only scores.

    Args:
        options: what to evaluate, and on what.
        out: the results folder, made if missing.
        progress: where long steps report how far they are.
        tell: called with each line that a user should know.

    Raises:
        UserError: something the user can put right; what was generated stays. Where ``out`` holds
            somebody else's files, nothing is written.
    """
    progress = progress or Silent()
    if not out.exists():
        plan_run(options)  # options that cannot be understood leave no folder
    folder = Run(out, EVALUATION)
    with folder.locked():
        ready = prepare(options, folder)
        for line in ready.stored.notes:
            tell(line)
        backend = EngineLM(ready.policy, ready.config, options.seed)
        asked = Asked(
            ready.policy.fingerprint,
            ready.stored.template_sha256,
            ready.stored.system_prompt,
            backend.engine_name,
            ready.stored.chat_template_kwargs,
        )
        cut = FirstPass(folder, backend, asked, progress).run(ready.tasks)
        backend.close()  # the policy leaves memory before the judges come
        stored = msgspec.structs.replace(ready.stored, notes=(*ready.stored.notes, *cut))
        folder.save_manifest(stored=msgspec.to_builtins(stored))
        return _second_pass(folder, stored, progress, tell)


def check(options: RunOptions) -> Report:
    """Look at all that :func:`run` needs: models, judges, datasets; fetches no weights.

    Raises:
        UserError: what is asked for cannot be understood; what is wrong with it is in the report.
    """
    return check_run(plan_run(options)).report


def score(
    out: Path,
    *,
    judges: str | Mapping[str, Any] | None = None,
    reference: str | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Results:
    """Score the stored generations of a run anew; nothing is generated.

    Args:
        out: the results folder.
        judges: another set of judges, a file, or what stands in one; None keeps the run's.
        reference: another reference policy; None keeps the run's.
        progress: where long steps report how far they are.
        tell: called with each line that a user should know.

    Raises:
        UserError: the folder holds no finished first pass, or a judge cannot be found.
    """
    if not EVALUATION.is_one(out):
        raise UserError(f"{out}: holds no evaluation; give the folder that udasa-eval run wrote")
    folder = Run(out, EVALUATION)
    with folder.locked():
        if "stored" not in folder.manifest:
            raise UserError(f"{out}: its first pass is not finished; run udasa-eval run again")
        stored = convert(folder.manifest["stored"], Stored, str(out / "manifest.json"))
        if judges is not None:
            stored = msgspec.structs.replace(stored, judges=judge_set(judges, stored.suite))
        if reference is not None:
            stored = msgspec.structs.replace(stored, reference=model_id(reference))
        folder.save_manifest(stored=msgspec.to_builtins(stored))
        return _second_pass(folder, stored, progress or Silent(), tell)


def _second_pass(
    folder: Run, stored: Stored, progress: Progress, tell: Callable[[str], None]
) -> Results:
    names = [record.name for record in stored.tasks]
    rows = read_tables(folder.folder, "generations").filter(pl.col("task").is_in(names))
    generations = {
        str(task): table for (task,), table in rows.group_by("task", maintain_order=True)
    }
    if missing := sorted({n.removesuffix(TURN_2) for n in names} - set(generations)):
        raise UserError(
            f"{folder.folder}: no generations of {', '.join(missing)}; run udasa-eval run again"
        )
    answers: baselines.Answers = {}
    if stored.baseline is not None:
        answers = baselines.from_table(folder.read_table(baselines.TABLE))
    tables = Tables(generations, answers)
    known: dict[str, str] = folder.manifest.get("models", {})
    judges = pin_all(needed_roles(generations, answers), stored.judges, known)
    reference = locate_reference(stored.reference, known)
    _remember(folder, judges, stored.reference, reference)
    for line in estimate(tables, judges):
        tell(line)
    scored = score_tables(tables, judges, reference, progress, tell)
    published: pl.DataFrame | None = None
    if (folder.folder / difficulties.TABLE).is_file():
        published = folder.read_table(difficulties.TABLE)
    controlled = {
        task: with_length_control(table, published) for task, table in scored.scores.items()
    }
    scored = scored._replace(scores=controlled)
    for task, table in scored.scores.items():
        write_table(folder.folder, f"scores/{task}", table, SCORES)
    results = _results(stored, judges, scored, rows)
    write_results(folder.folder, results)
    return results


def _remember(
    folder: Run,
    judges: Mapping[Role, PinnedJudge],
    reference_id: str | None,
    reference: Located | None,
) -> None:
    """Keep the commits of judges and reference: the same ones judge when the run is resumed."""
    used = {
        f"{member.judge.id}@{member.judge.revision}": member.located
        for pinned in judges.values()
        for member in pinned.members
    }
    if reference is not None:
        used[f"{reference_id}@main"] = reference
    fingerprints = {name: located.fingerprint for name, located in used.items()}
    folder.save_manifest(models={**folder.manifest.get("models", {}), **fingerprints})


def _results(
    stored: Stored, judges: Mapping[Role, PinnedJudge], scored: Scored, generations: pl.DataFrame
) -> Results:
    scores = pl.concat(scored.scores.values())
    tasks = [
        msgspec.structs.replace(record, headline=_headline(record, scored.scores[record.name]))
        for record in stored.tasks
        if record.name in scored.scores
    ]
    tasks = with_endings(tasks, generations)
    headlines = {record.name: record.headline for record in tasks}
    records = [pinned.record(frozenset(stored.leaked)) for pinned in judges.values()]
    leaks = [
        f"scorer leak: the {judge.role} judge {judge.id} also scored what the model was trained on"
        for judge in records
        if judge.built_training_data
    ]
    metrics = with_comparable(metrics_of(scores, headlines), stored.judges)
    told = (*of_cut_answers(tasks), *of_comparable(metrics))
    return Results(
        schema_version=SCHEMA_VERSION,
        suite=stored.suite,
        axes=stored.axes,
        model=stored.model,
        engine=stored.engine,
        template_sha256=stored.template_sha256,
        system_prompt=stored.system_prompt,
        chat_template_kwargs=stored.chat_template_kwargs,
        baseline=stored.baseline,
        judges=tuple(records),
        tasks=tuple(tasks),
        metrics=tuple(metrics),
        unscored=tuple(unscored_of(scores, generations, scored.replies)),
        training_data=stored.training_data,
        lm_eval_version=version("lm-eval"),
        versions={"python": platform.python_version(), **{n: version(n) for n in _VERSIONS}},
        notes=(*stored.notes, *leaks, *told, *scored.notes),
    )


def _headline(record: TaskRecord, scores: pl.DataFrame) -> str:
    """Return a task's headline metric: the raw win rate where length could not be controlled."""
    if record.headline == CONTROLLED and CONTROLLED not in scores["metric"]:
        return "win_rate"
    return record.headline
