"""Before the first pass: everything that a run needs is found, pinned and written down.

What is missing is reported here, before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from udasa_data.config import BuildConfig, ModelRef, read_presets, resolve
from udasa_data.engines import choose_engine
from udasa_data.errors import UserError
from udasa_data.runs import Run, differing
from udasa_data.storage import Located, chat_template_sha256, locate, served
from udasa_eval.answers import (
    TURN_2,
    Baseline,
    baselines,
    difficulties,
    find_baseline,
    find_difficulties,
)
from udasa_eval.judging import JudgeSet, PinnedJudge, Role, judge_set, needed_roles, pin
from udasa_eval.results import Origins, Pinned, TaskRecord, origins_of
from udasa_eval.running.checking import Planned, check_run
from udasa_eval.running.notes import of_model, of_tasks
from udasa_eval.running.options import RunOptions, Stored
from udasa_eval.running.reading import read_documents
from udasa_eval.tasks import BuiltTask, Documents, TaskPlan, build_task, plan_suite

_TINY: Final = "embedded:lm"


class Ready(NamedTuple):
    """A run before its first pass."""

    config: BuildConfig
    policy: Located
    tasks: list[BuiltTask]
    stored: Stored


def prepare(options: RunOptions, folder: Run) -> Ready:
    """Find everything that the run needs, and write down what it is.

    Raises:
        UserError: something is missing, or the folder holds another evaluation.
    """
    began: str | None = folder.manifest.get("evaluated", {}).get("engine")
    asked = plan_run(options, began)
    config, engine, runnable, judges = asked.config, asked.engine, asked.plans, asked.judges
    known = _checked(asked, folder)
    policy = _locate_policy(config, engine, known)  # before anything is fetched
    read, unreadable = read_documents(runnable, options, folder)
    plans = [plan for plan in runnable if plan.name in read]
    template = None if engine == "openai" else chat_template_sha256(policy)
    tasks = [build_task(plan, read[plan.name].documents, options.seed) for plan in plans]
    baseline = _baseline(options, tasks, folder)
    pin_all(needed_roles([plan.name for plan in plans], baseline.answers), judges, known)
    origins = origins_of(policy)
    config = _as_trained(config, origins)
    inputs = _inputs(options, config, policy, template, tasks) | {"engine": engine}
    _refuse_another(folder, inputs)
    if baseline.name is not None:  # stored: scoring anew does not read the dataset
        folder.write_table(baselines.TABLE, baselines.to_table(baseline.answers))
    difficult = find_difficulties(
        tasks, baseline, data_dir=asked.data_dir, commits=folder.manifest.get("commits", {})
    )
    if difficult.table is not None:
        folder.write_table(difficulties.TABLE, difficult.table)
    records = [
        record for built in tasks for record in _records(built, read[built.plan.name], origins)
    ]
    found = asked._replace(config=config, plans=plans, baseline=baseline.name)
    stored = _stored(options, found, policy, template, records, origins)
    suite = _chosen(options)
    left_out = [plan for plan in suite if plan not in runnable]
    notes = (
        *of_model(policy, config, plans, engine),
        *unreadable,
        *of_tasks(stored, plans, left_out, baseline),
        *difficult.notes,
    )
    name = f"{config.policy.id}@{config.policy.revision}"
    folder.save_manifest(evaluated=inputs, models={**known, name: policy.fingerprint})
    config = msgspec.structs.replace(config, engine=engine)
    return Ready(config, policy, tasks, msgspec.structs.replace(stored, notes=notes))


def _stored(
    options: RunOptions,
    found: Planned,
    policy: Located,
    template: str | None,
    records: Iterable[TaskRecord],
    origins: Origins,
) -> Stored:
    """Return what the manifest keeps; its notes come when all is known."""
    config, axes = found.config, {plan.notes.axis for plan in found.plans}
    return Stored(
        suite=options.suite,
        axes=tuple(axis for axis in options.axes if axis in axes),
        model=Pinned(id=config.policy.id, revision=policy.commit, fingerprint=policy.fingerprint),
        engine=found.engine,
        template_sha256=template,
        system_prompt=config.system_prompt,
        chat_template_kwargs=config.sampling.chat_template_kwargs,
        judges=found.judges,
        reference=found.reference,
        baseline=found.baseline,
        tasks=tuple(records),
        training_data=origins.training_data,
        leaked=tuple(sorted(origins.scorers)),
        notes=(),
    )


def plan_run(options: RunOptions, began: str | None = None) -> Planned:
    """Return what options say of an evaluation, nothing looked up yet.

    Args:
        options: of the run.
        began: the engine of an earlier start, which a resumed run keeps.

    Raises:
        UserError: unknown model, suite, axis or judges; or an engine that cannot be had.
    """
    config = _config(options)
    engine, _ = choose_engine(config, (began, "as the run began") if began else None)
    plans = _runnable(_chosen(options), engine)
    return Planned(
        config,
        engine,
        plans,
        judge_set(options.judges, options.suite),
        _reference(options, plans),
        Path(options.data_dir) if options.data_dir else None,
        options.baseline,
    )


def _checked(asked: Planned, folder: Run) -> dict[str, str]:
    """Look at all that the run needs; return the models that are pinned, earlier ones first.

    Raises:
        UserError: something is wrong; has a line for each fault.
    """
    manifest = folder.manifest
    known: dict[str, str] = manifest.get("models", {})
    found = check_run(asked, known, with_datasets=not manifest.get("commits"))
    found.report.require()
    if found.commits:
        manifest["commits"] = dict(found.commits)
    return {**found.fingerprints, **known}


def pin_all(
    roles: Iterable[Role], judges: JudgeSet, known: Mapping[str, str]
) -> dict[Role, PinnedJudge]:
    """Locate and pin the judges of some roles."""
    return {role: pin(judges, role, known) for role in roles}


def model_id(model: str) -> str:
    """Return the id of a model that may be named by a preset."""
    preset = read_presets().models.get(model)
    return preset.policy.id if preset else model


def locate_reference(reference: str | None, known: Mapping[str, str]) -> Located | None:
    """Locate and pin the reference policy; None where there is none.

    Raises:
        UserError: it cannot be found.
    """
    if reference is None:
        return None
    return locate(ModelRef(id=reference), known.get(f"{reference}@main"))


def _chosen(options: RunOptions) -> list[TaskPlan]:
    return plan_suite(options.suite, options.axes, options.tasks, options.limit, options.thoughts)


def _config(options: RunOptions) -> BuildConfig:
    overrides = {} if options.engine == "auto" else {"engine": options.engine}
    file = Path(options.config) if isinstance(options.config, str) else options.config
    return resolve(options.model, overrides, scorers="tiny", file=file)


def _as_trained(config: BuildConfig, origins: Origins) -> BuildConfig:
    """Return the configuration with the template options of the training, unless it has its own."""
    trained = origins.template_options
    if config.sampling.chat_template_kwargs or not trained:
        return config
    sampling = msgspec.structs.replace(config.sampling, chat_template_kwargs=trained)
    return msgspec.structs.replace(config, sampling=sampling)


def _inputs(
    options: RunOptions,
    config: BuildConfig,
    policy: Located,
    template: str | None,
    tasks: list[BuiltTask],
) -> dict[str, object]:
    """Return all that decides the generations, by the name a user knows it by."""
    template_options = config.sampling.chat_template_kwargs
    return {
        "suite": options.suite,
        "axes": ", ".join(options.axes),
        "tasks": ", ".join(options.tasks) or None,
        "limit": options.limit,
        "model": config.policy.id,
        "model weights": policy.fingerprint,
        "chat template": template,
        "system prompt": config.system_prompt,
        **({"chat template options": template_options} if template_options else {}),
        "seed": options.seed,
        **({"thoughts": options.thoughts} if options.thoughts else {}),
        **{f"task {built.plan.name}": built.fingerprint for built in tasks},
    }


def _baseline(options: RunOptions, tasks: list[BuiltTask], folder: Run) -> Baseline:
    return find_baseline(
        options.baseline,
        tasks,
        data_dir=Path(options.data_dir) if options.data_dir else None,
        commits=folder.manifest.get("commits", {}),
    )


def _locate_policy(config: BuildConfig, engine: str, known: Mapping[str, str]) -> Located:
    ref = config.policy
    if engine == "openai":
        assert config.server is not None  # choose_engine saw to it
        return served(ref.id, config.server.base_url)
    return locate(ref, known.get(f"{ref.id}@{ref.revision}"))


def _refuse_another(folder: Run, inputs: Mapping[str, object]) -> None:
    old = folder.manifest.get("evaluated")
    if old is not None and (differences := differing(old, inputs)):
        raise UserError(
            f"{folder.root} holds an evaluation that differs in: {'; '.join(differences)}. "
            "Give another --out, or delete that directory"
        )


def _reference(options: RunOptions, plans: Iterable[TaskPlan]) -> str | None:
    if not any(plan.notes.scoring == "sentiment" for plan in plans):
        return None
    if options.reference is not None:
        return model_id(options.reference)
    return _TINY if options.suite == "tiny" else None


def _records(built: BuiltTask, read: Documents, origins: Origins) -> list[TaskRecord]:
    """Return a task's record, and that of its second turn where it has one."""
    notes = built.plan.notes
    record = TaskRecord(
        name=built.plan.name,
        axis=notes.axis,
        fingerprint=built.fingerprint,
        dataset=read.pinned,
        mode=notes.template,
        decoding=built.decoding,
        headline=notes.headline,
        documents=len(built.documents),
        set_aside=read.set_aside,
        training_overlap=origins.overlap(built.documents),
    )
    if not any("follow_up" in document for document in built.documents):
        return [record]
    return [record, msgspec.structs.replace(record, name=built.plan.name + TURN_2)]


def _runnable(planned: list[TaskPlan], engine: str) -> list[TaskPlan]:
    """Return the tasks that can be done here.

    A server's weights are not here to weigh choices, and some tasks need packages of their own.
    """
    if missing := sorted({name for plan in planned for name in plan.notes.lacking}):
        planned = [plan for plan in planned if not plan.notes.lacking]
        if not planned:
            raise UserError(f"these tasks need {', '.join(missing)}: pip install -e '.[ifeval]'")
    plans = [
        plan for plan in planned if (engine != "openai" or plan.notes.template != "loglikelihood")
    ]
    if not plans:
        raise UserError(
            "a server gives no log-probabilities of given texts, and these axes have no other "
            "tasks; choose others with --axes, or another --engine"
        )
    return plans
