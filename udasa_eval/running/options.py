"""The options of an evaluation, and what its manifest keeps for the second pass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field

from udasa_data.config import Strict
from udasa_data.errors import UserError, nearest
from udasa_data.schema import Axis
from udasa_eval.judging import JudgeSet
from udasa_eval.results import Pinned, TaskRecord


class RunOptions(Strict, frozen=True):
    """The options of ``udasa-eval run``.

    Attributes:
        model: preset, Hub id or folder.
        suite: of ``suites.yaml``, or a YAML file of one.
        axes: of the four.
        tasks: of the suite; none: all of them.
        limit: documents of a task at most; None: as many as the suite has.
        thoughts: tokens that the model may think, on top of what a task allows an answer.
        engine: that draws the answers.
        config: a YAML file of ``udasa-data build``, or what stands in one, for what else the
            engine needs.
        judges: sets of ``judges.yaml`` and files, with commas, or what stands in one; None is the
            suite's own.
        baseline: whose answers win rates are against; None is the suite's own.
        reference: model of the KL; None is the embedded one for ``tiny``, else no KL.
        data_dir: folder of datasets; None reads the Hub.
        seed: of all sampling.
    """

    model: str
    suite: str = "quick"
    axes: tuple[Axis, ...] = tuple(Axis)
    engine: str = "auto"
    config: str | dict[str, Any] | None = None
    judges: str | dict[str, Any] | None = None
    baseline: str | None = None
    reference: str | None = None
    data_dir: str | None = None
    seed: int = 0
    tasks: tuple[str, ...] = ()
    limit: Annotated[int, Meta(ge=1)] | None = None
    thoughts: Annotated[int, Meta(ge=0)] = 0


class Stored(Strict, frozen=True):
    """What the manifest keeps for the second pass.

    Attributes:
        suite: of the run.
        axes: that were run.
        model: evaluated.
        engine: that drew its answers.
        template_sha256: of its chat template.
        system_prompt: put before chat prompts.
        chat_template_kwargs: given to the chat template.
        judges: by role.
        reference: id of the reference policy.
        baseline: name.
        tasks: as they were run.
        training_data: of the model's ``stages.json``.
        leaked: fingerprints of what scored that data.
        notes: on the first pass.
    """

    suite: str
    axes: tuple[Axis, ...]
    model: Pinned
    engine: str
    template_sha256: str | None
    system_prompt: str | None
    judges: JudgeSet
    reference: str | None
    baseline: str | None
    tasks: tuple[TaskRecord, ...]
    training_data: tuple[dict[str, object], ...]
    leaked: tuple[str, ...]
    notes: tuple[str, ...]
    chat_template_kwargs: dict[str, Any] = field(default_factory=dict)


def axes_of(names: str | None) -> tuple[Axis, ...]:
    """Return the axes of a list with commas, each once; None is all four.

    Raises:
        UserError: no such axis, or no axis at all.
    """
    if names is None:
        return tuple(Axis)
    axes = [name.strip() for name in names.split(",") if name.strip()]
    for name in axes:
        if name not in set(Axis):
            raise UserError(f"no axis '{name}'{nearest(name, Axis)}")
    if not axes:
        raise UserError(f"--axes names no axis (known: {', '.join(Axis)})")
    return tuple(axis for axis in Axis if axis in axes)


def tasks_of(names: str | None) -> tuple[str, ...]:
    """Return the tasks of a list with commas, each once; None is all of the suite.

    Raises:
        UserError: the list names none.
    """
    if names is None:
        return ()
    tasks = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not tasks:
        raise UserError("--tasks names no task")
    return tasks


def default_folder(model: str, suite: str) -> Path:
    """Return the results folder of a run that was given none."""
    name = model.strip("./~").replace("/", "-")
    return Path("runs") / f"eval-{name}-{Path(suite).stem}"
