"""What ``results.json`` holds: who was evaluated, how, by which judges, and every number."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from udasa_data.config import Strict
from udasa_data.schema import Axis

SCHEMA_VERSION: Final = 2

Direction: TypeAlias = Literal["higher", "lower"]  # which way is better
Kind: TypeAlias = Literal["rate", "mean"]  # rate: every value is 0, ½ or 1


class Pinned(Strict, frozen=True):
    """A model or dataset, pinned.

    Attributes:
        id: Hub id, folder or ``embedded:NAME``, as the user knows it.
        revision: the commit of a Hub repository; null for anything local.
        fingerprint: ``commit:SHA``, or ``sha256:…`` over the files of a folder.
    """

    id: str
    revision: str | None
    fingerprint: str


class JudgeRecord(Strict, frozen=True):
    """A model that scored generations, and in which role (``harm``, ``toxicity``, ``reward``…).

    Attributes:
        role: which.
        id: of the model; of a panel, of all its judges.
        revision: the commit of a Hub repository; null for anything local, and for a panel.
        fingerprint: of its weights and of all that it was asked.
        built_training_data: scorer leak: it also scored what the model learnt from.
        weights: fingerprints of the models' weights alone.
        asked: its entry in the judge set: prompt, choices, temperature, server, template options.
    """

    role: str
    id: str
    revision: str | None
    fingerprint: str
    built_training_data: bool = False
    weights: tuple[str, ...] = ()
    asked: dict[str, Any] = msgspec.field(default_factory=dict)


class Decoding(Strict, frozen=True):
    """How a task's answers were drawn; temperature 0 is greedy."""

    temperature: float
    top_p: float
    max_tokens: int
    samples: int
    seed: int


class TaskRecord(Strict, frozen=True):
    """A task as it was run.

    Attributes:
        name: of the task, as lm-eval knows it.
        axis: one of the four.
        fingerprint: of all that decides what is asked: the task's YAML, its documents, the mode.
        dataset: pinned; ``id`` is a Hub id, a file of ``--data-dir``, or ``embedded:…``.
        mode: chat (through the template), completion (raw text), or loglikelihood.
        decoding: null for log-likelihood tasks.
        headline: the name of its one headline metric.
        documents: how many there are.
        set_aside: documents that could not be put to the model, by reason.
        training_overlap: how many of its prompts the model's training prompts hold; null where
            nothing is known of them.
        finish_reasons: why its answers ended (stop, length, content_filter), and how many of each;
            empty of log-likelihood tasks.
        thinking: how many of its answers have reasoning before them.
    """

    name: str
    axis: Axis
    fingerprint: str
    dataset: Pinned
    mode: Literal["chat", "completion", "loglikelihood"]
    decoding: Decoding | None
    headline: str
    documents: int
    set_aside: dict[str, int]
    training_overlap: int | None = None
    finish_reasons: dict[str, int] = msgspec.field(default_factory=dict)
    thinking: int = 0


class MetricRecord(Strict, frozen=True):
    """An aggregated number with its interval; null where no document is scored.

    Attributes:
        name: of the metric, as in the ``metric`` column of SCORES where ``per_document``.
        axis: of its task.
        task: name.
        value: mean over documents.
        stderr: its standard error, over documents.
        low: of the 95% interval.
        high: of the 95% interval.
        n: scored documents.
        unscored: documents without a value.
        direction: which way is better.
        kind: rate (0, ½, 1) or mean.
        headline: whether it stands for its task.
        comparable_with: published numbers that it can be set beside, made by the benchmark's own
            scorer; null: not comparable with published.
        per_document: False where it is no mean of what documents scored (length-controlled win
            rate); its rows of SCORES, if any, are each document's part in it.
    """

    name: str
    axis: Axis
    task: str
    value: float | None
    stderr: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    direction: Direction
    kind: Kind
    headline: bool = False
    per_document: bool = True
    comparable_with: str | None = None


class Unscored(Strict, frozen=True):
    """Why documents of a metric have no value, with a few of the texts behind it."""

    task: str
    metric: str
    why: str
    count: int
    examples: tuple[str, ...]


class Results(Strict, frozen=True):
    """The content of ``results.json``.

    Attributes:
        schema_version: of this file and of the tables beside it.
        suite: quick, full or tiny.
        axes: those that were run.
        model: evaluated.
        engine: that drew its answers.
        template_sha256: of its chat template; null for a model that has none.
        system_prompt: put before every chat prompt; null for none.
        chat_template_kwargs: given to the chat template.
        baseline: whose stored answers win rates are against; null where there are none.
        judges: every model that scored.
        tasks: as they were run.
        metrics: every number.
        unscored: why values are missing.
        training_data: what the model's ``stages.json`` says it learnt from, as it stands there.
        lm_eval_version: of the harness.
        versions: of Python and the packages that decide a number.
        notes: for the reader, a line each.
    """

    schema_version: int
    suite: str
    axes: tuple[Axis, ...]
    model: Pinned
    engine: str
    template_sha256: str | None
    system_prompt: str | None
    baseline: str | None
    judges: tuple[JudgeRecord, ...]
    tasks: tuple[TaskRecord, ...]
    metrics: tuple[MetricRecord, ...]
    unscored: tuple[Unscored, ...]
    training_data: tuple[dict[str, object], ...]
    lm_eval_version: str
    versions: dict[str, str]
    notes: tuple[str, ...] = ()
    chat_template_kwargs: dict[str, Any] = msgspec.field(default_factory=dict)
