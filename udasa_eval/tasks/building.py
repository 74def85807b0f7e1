"""Suites and their tasks: found and built by lm-eval, with what our own files say beside it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from udasa_data.errors import UserError, nearest
from udasa_data.runs import key_of
from udasa_data.schema import Axis
from udasa_eval.results import Decoding
from udasa_eval.tasks.documents import for_lm_eval
from udasa_eval.tasks.rows import Document
from udasa_eval.tasks.suites_file import OURS, borrowed, tasks_of_suite

SUITES: Final = Path(str(files("udasa_eval.tasks").joinpath("suites")))
MAX_TOKENS: Final = 256  # of an answer, where a task of lm-eval's says nothing

Template: TypeAlias = Literal["chat", "completion", "loglikelihood"]
Scoring: TypeAlias = Literal[
    "compliance",
    "noncompliance",
    "over_refusal",
    "toxicity",
    "helpfulness",
    "truth",
    "sentiment",
    "choices",
    "short_answer",
    "graded",
    "self_knowledge",
    "lm_eval",
]


class TaskNotes(msgspec.Struct, frozen=True, kw_only=True):
    """What a task's metadata say, beyond what lm-eval reads.

    Attributes:
        axis: one of the four.
        dataset: name in ``datasets.yaml``.
        reader: name in ``readers.READERS``.
        template: its template rule: chat (the model's own), completion (raw text), loglikelihood
            (raw text, choices weighed).
        scoring: how its answers are scored.
        headline: its one headline metric.
        filter: of lm-eval's task, which finds the answer in what was said.
        packages: that the task's own scoring needs.
        comparable_with: the published numbers that its headline can be set beside; None: with none.
        own_judges: the set of judges that this needs; None: it needs none.
    """

    axis: Axis
    dataset: str
    reader: str
    template: Template
    scoring: Scoring
    headline: str
    filter: str = "none"
    packages: tuple[str, ...] = ()
    comparable_with: str | None = None
    own_judges: str | None = None

    @property
    def lacking(self) -> tuple[str, ...]:
        """Which of its packages are not installed."""
        return tuple(name for name in self.packages if find_spec(name) is None)


class TaskPlan(NamedTuple):
    """A task of a suite.

    Attributes:
        name: as lm-eval knows it.
        notes: what our files say of it.
        limit: documents at most; None: all.
        max_tokens: of an answer; None: as the task has.
        thoughts: tokens on top, for a model that thinks before it answers a chat.
    """

    name: str
    notes: TaskNotes
    limit: int | None
    max_tokens: int | None = None
    thoughts: int = 0


class BuiltTask(NamedTuple):
    """A task with its documents.

    Attributes:
        plan: what was asked for.
        documents: in lm-eval's order; ``Instance.doc_id`` counts them.
        task: lm-eval's own object.
        fingerprint: of all that its file says, and of its documents.
        decoding: None for log-likelihood tasks.
    """

    plan: TaskPlan
    documents: list[Document]
    task: Any
    fingerprint: str
    decoding: Decoding | None


def plan_suite(
    suite: str,
    axes: Sequence[Axis],
    tasks: Sequence[str] = (),
    limit: int | None = None,
    thoughts: int = 0,
) -> list[TaskPlan]:
    """Return the tasks of a suite on some axes, in its order.

    Args:
        suite: of ``suites.yaml``, or a YAML file of one: {task: {limit, max_tokens}}.
        axes: of the four; all of them: those that the suite has.
        tasks: of the suite, with or without ``udasa_``; empty: all of them.
        limit: documents of a task at most; None: as many as the suite has.
        thoughts: tokens on top of each budget.

    Raises:
        UserError: no such suite, file or task of it, or none of its tasks is on those axes.
    """
    plans = [
        TaskPlan(name, notes_of(name), part.limit, part.max_tokens, thoughts)
        for name, part in tasks_of_suite(suite).items()
    ]
    for axis in axes:
        if set(axes) != set(Axis) and not any(plan.notes.axis == axis for plan in plans):
            raise UserError(f"suite '{suite}' has no task on the axis '{axis}'")
    plans = [plan for plan in plans if plan.notes.axis in set(axes)]
    if tasks:
        plans = _named(plans, tasks, suite)
    return plans if limit is None else [_at_most(plan, limit) for plan in plans]


def _named(plans: Sequence[TaskPlan], names: Sequence[str], suite: str) -> list[TaskPlan]:
    known = [plan.name for plan in plans]
    chosen = {name if name in known else f"{OURS}{name}" for name in names}
    if unknown := [name for name in names if not {name, f"{OURS}{name}"} & set(known)]:
        raise UserError(
            f"suite '{suite}' has no task '{unknown[0]}' on these axes{nearest(unknown[0], known)}"
        )
    return [plan for plan in plans if plan.name in chosen]


def _at_most(plan: TaskPlan, limit: int) -> TaskPlan:
    return plan._replace(limit=limit if plan.limit is None else min(limit, plan.limit))


@cache
def notes_of(name: str) -> TaskNotes:
    """Return what our files say of a task.

    Raises:
        UserError: lm-eval finds no such task among ours, or its file cannot be parsed.
    """
    known = borrowed()
    if name in known:
        return msgspec.convert(known[name], TaskNotes)
    return msgspec.convert(_config(name)["metadata"], TaskNotes)


def build_task(plan: TaskPlan, documents: list[Document], seed: int) -> BuiltTask:
    """Have lm-eval build a task over documents that were read already.

    Args:
        plan: the task.
        documents: of the task, at least one.
        seed: of sampling.
    """
    config = {
        **_config(plan.name),
        "custom_dataset": lambda **_kwargs: for_lm_eval(documents=documents),
        "dataset_path": None,
        "training_split": None,
        "validation_split": None,
        "fewshot_split": None,  # examples stand in the task's own file, if it has any
        "test_split": "test",
    }
    options = dict(config.get("generation_kwargs") or {})
    if plan.max_tokens is not None:
        options["max_gen_toks"] = plan.max_tokens
    if plan.thoughts and plan.notes.template == "chat":
        options["max_gen_toks"] = options.get("max_gen_toks", MAX_TOKENS) + plan.thoughts
    if options:
        config["generation_kwargs"] = options
    with quiet():
        task = _manager().load([config])["tasks"][plan.name]
        task.set_fewshot_seed(seed=0)
    definition = json.loads(json.dumps(_config(plan.name), default=lambda f: f.__qualname__))
    return BuiltTask(
        plan,
        documents,
        task,
        key_of(definition, documents, *([plan.max_tokens] if plan.max_tokens else [])),
        None
        if plan.notes.template == "loglikelihood"
        else decoding_of(task.config.generation_kwargs, int(task.config.repeats), seed),
    )


def requests_of(built: BuiltTask, apply_chat_template: Any, system_prompt: str | None) -> list[Any]:
    """Return the task's requests (lm-eval's ``Instance``), in the order of its documents.

    Args:
        built: the task.
        apply_chat_template: the backend's.
        system_prompt: put before chat prompts.
    """
    chat = built.plan.notes.template == "chat"
    with quiet():
        built.task.build_all_requests(
            apply_chat_template=chat,
            fewshot_as_multiturn=True,
            chat_template=apply_chat_template if chat else None,
            system_instruction=system_prompt if chat else None,
        )
    requests: list[Any] = built.task.instances
    return requests


def answer_metrics(built: BuiltTask, document: Document, text: str) -> dict[str, float]:
    """Return what lm-eval's own filter and scoring make of an answer; numbers alone.

    Args:
        built: a task that generates.
        document: of the task.
        text: the answer, which is cut at the task's stop texts.
    """
    from lm_eval.api.instance import Instance

    options = built.task.config.generation_kwargs
    request = Instance("generate_until", document, ("", options), 0)
    request.resps = [cut(text, options)]
    built.task._instances = [request]  # noqa: SLF001 - what apply_filters works on
    built.task.apply_filters()
    answer = request.filtered_resps[built.plan.notes.filter]
    metrics = built.task.process_results(document, [answer])
    return {k: float(v) for k, v in metrics.items() if isinstance(v, (bool, int, float))}


def cut(text: str, generation_kwargs: Mapping[str, Any]) -> str:
    """Return a text up to the first of its stop texts."""
    stops = generation_kwargs.get("until") or []
    starts = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops) if stop]
    found = [start for start in starts if start >= 0]
    return text[: min(found)] if found else text


@contextmanager
def quiet() -> Iterator[None]:
    """Keep lm-eval's advice off the terminal; its bars are off by TQDM_DISABLE (see ``cli``)."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@cache
def _manager() -> Any:
    """Return lm-eval's task manager over our suites and the tasks that we borrow of it.

    Not over all its tasks: reading their files alone takes longer than a small evaluation.
    """
    import lm_eval.tasks

    theirs = Path(lm_eval.tasks.__file__).parent
    folders = [theirs / name for name in ("truthfulqa", "gsm8k", "ifeval")]
    return lm_eval.tasks.TaskManager(include_path=[*folders, SUITES], include_defaults=False)


def _config(name: str) -> dict[str, Any]:
    """Return a task's file as lm-eval reads it, functions and includes resolved.

    lm-eval skips a file that it cannot parse without a word: here that is an error.
    """
    from lm_eval.tasks._yaml_loader import load_yaml

    entry = _manager().task_index.get(name)
    if entry is None:
        raise UserError(f"no task '{name}': lm-eval finds none by that name in {SUITES}")
    config: dict[str, Any] = load_yaml(entry.yaml_path, resolve_func=True)
    return config


def decoding_of(generation_kwargs: Mapping[str, Any], samples: int, seed: int) -> Decoding:
    """Return what lm-eval's ``generation_kwargs`` mean.

    Args:
        generation_kwargs: do_sample, temperature, top_p, max_gen_toks; greedy without
            ``do_sample``.
        samples: how many answers to a prompt.
        seed: of sampling.
    """
    sampled = bool(generation_kwargs.get("do_sample"))
    return Decoding(
        temperature=float(generation_kwargs.get("temperature", 1.0)) if sampled else 0.0,
        top_p=float(generation_kwargs.get("top_p", 1.0)) if sampled else 1.0,
        max_tokens=int(generation_kwargs.get("max_gen_toks", MAX_TOKENS)),
        samples=samples,
        seed=seed,
    )
