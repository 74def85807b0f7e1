"""All that an evaluation will need, looked at before the first answer: all faults at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.config import BuildConfig, ModelRef
from udasa_data.preflight import (
    POLICY,
    Demand,
    Item,
    Lookups,
    ModelFound,
    ModelNeed,
    Report,
    Room,
    disk_items,
    loaded_bytes,
    look_at_model,
    look_at_pair,
    memory_here,
    memory_items,
    width_of_scorers,
)
from udasa_data.storage import cache_folder
from udasa_eval.judging import JudgeSet, judge_needs, needed_roles
from udasa_eval.tasks import DatasetFound, TaskPlan, look_at_dataset

_WAY_OUT: Final = "take smaller models, or a machine with more"
_HINT: Final = (
    ". Offline, give --data-dir DIR (udasa-eval fetch --data-dir DIR fills it where there is a "
    "network)"
)
# whose stored answers are the baseline of which dataset's tasks
_OUTPUTS: Final = {"alpaca_eval": "alpaca_eval_outputs"}


class Planned(NamedTuple):
    """An evaluation as far as its options say.

    Attributes:
        config: names the policy.
        engine: that draws its answers.
        plans: its tasks.
        judges: of its suite, or of the user.
        reference: id of the reference policy; None without one.
        data_dir: folder of datasets; None reads the network.
        baseline: as the user named it; None takes what the tasks bring along.
    """

    config: BuildConfig
    engine: str
    plans: Sequence[TaskPlan]
    judges: JudgeSet
    reference: str | None
    data_dir: Path | None
    baseline: str | None


class Checked(NamedTuple):
    """What was found of an evaluation.

    Attributes:
        report: to be shown.
        fingerprints: of the Hub's models, by ``id@revision``.
        commits: of the datasets' repositories.
    """

    report: Report
    fingerprints: Mapping[str, str]
    commits: Mapping[str, str]


def check_run(
    planned: Planned, known: Collection[str] = (), *, with_datasets: bool = True
) -> Checked:
    """Check models, judges, datasets, memory, disk and the rendered pair; nothing is raised.

    Args:
        planned: the evaluation.
        known: the models that an earlier start pinned, by ``id@revision``: not looked at again.
        with_datasets: whether no earlier start has read them.
    """
    lookups = Lookups(_HINT if planned.data_dir is None else "")
    faults: list[str] = []
    needs = [need for need in _needs(planned, faults) if _name(need) not in known]
    models = [look_at_model(need, lookups) for need in needs]
    datasets, unread = _datasets(planned, lookups) if with_datasets else ([], [])
    items = [model.item for model in models]
    if faults:
        items.append(Item(what="judges", id="", detail="incomplete", faults=tuple(faults)))
    items += [item for dataset in datasets for item in dataset.items]
    items += unread
    items += memory_items(_demands(models, planned), _WAY_OUT)
    download = sum(model.download for model in models) + sum(d.download for d in datasets)
    items += disk_items(download, cache_folder(), None, None)
    items += _pair(planned, models)
    pinned = zip(needs, models, strict=True)
    return Checked(
        Report(tuple(items)),
        {
            _name(need): model.located.fingerprint
            for need, model in pinned
            if model.located and model.located.commit
        },
        {place: commit for dataset in datasets for place, commit in dataset.commits.items()},
    )


def _needs(planned: Planned, faults: list[str]) -> list[ModelNeed]:
    """Return the models in the order in which they are loaded; a server's are not."""
    needs = []
    if planned.engine != "openai":
        needs.append(ModelNeed(POLICY, planned.config.policy, "policy"))
    compared = [plan.name for plan in planned.plans if plan.notes.scoring == "helpfulness"]
    if planned.baseline is None:  # some tasks bring none along
        compared = [
            plan.name for plan in planned.plans if plan.notes.dataset in {*_OUTPUTS, "tiny"}
        ]
    roles = needed_roles([plan.name for plan in planned.plans], compared)
    needs += judge_needs(planned.judges, roles, faults)
    if planned.reference is not None:
        needs.append(ModelNeed("reference", ModelRef(id=planned.reference), "policy"))
    return needs


def _datasets(planned: Planned, lookups: Lookups) -> tuple[list[DatasetFound], list[Item]]:
    """Return the datasets, and a line for each task that cannot read its own.

    Such a task is left out of a run; that none is left is a fault.
    """
    readers: dict[str, dict[str, str]] = {}
    for plan in planned.plans:
        readers.setdefault(plan.notes.dataset, {})[plan.name] = plan.notes.reader
    if planned.baseline is None:
        readers |= {_OUTPUTS[name]: {} for name in list(readers) if name in _OUTPUTS}
    found = {
        name: look_at_dataset(name, list(tasks.values()), planned.data_dir, lookups)
        for name, tasks in readers.items()
    }
    lines = [
        (task, dataset.unread[reader])
        for name, dataset in found.items()
        for task, reader in readers[name].items()
        if reader in dataset.unread
    ]
    none_left = len(lines) == len(planned.plans)
    return list(found.values()), [
        Item(
            what="left out",
            id=task,
            detail=why,
            faults=(f"{task} is left out: {why}",) if none_left else (),
        )
        for task, why in lines
    ]


def _demands(models: Sequence[ModelFound], planned: Planned) -> list[Demand]:
    """Return what is in memory, one model at a time."""
    room = memory_here()
    return [_demand(model, planned, room) for model in models]


def _demand(model: ModelFound, planned: Planned, room: Room) -> Demand:
    asked = model.item.what != "judge"
    width = 2 if room.is_gpu else 4
    if not asked:
        width = width_of_scorers("auto", room)
    stored = asked and planned.engine == "vllm"
    parts = planned.config.vllm.tensor_parallel if stored and room.is_gpu else 1
    what = f"the {model.item.what}" if asked else f"judge {model.item.id}"
    size = loaded_bytes([model], None if stored else width)
    return Demand(what, size, room._replace(bytes=room.bytes * parts))


def _pair(planned: Planned, models: Sequence[ModelFound]) -> Sequence[Item]:
    policy = next((model for model in models if model.item.what == POLICY), None)
    if policy is None or policy.located is None or policy.item.faults:
        return ()
    chats = any(plan.notes.template == "chat" for plan in planned.plans)
    config = planned.config
    return look_at_pair(policy.located, config.sampling, config.system_prompt, asks=chats).items


def _name(need: ModelNeed) -> str:
    return f"{need.ref.id}@{need.ref.revision}"
