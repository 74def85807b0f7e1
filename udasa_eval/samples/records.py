"""What a page of samples shows of a run."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from udasa_eval.results import Direction

SampleKey: TypeAlias = tuple[str, int]  # of the prompt, and which of its samples


class Sample(NamedTuple):
    """One answer to one prompt, with its scores.

    Attributes:
        prompt: the conversation as text.
        category: of the prompt; empty where it has none.
        text: the answer; None where the model could not be asked.
        reasoning: what was said before the answer; None or empty for nothing.
        cut: whether it ended at the limit of tokens.
        scores: by metric; None is unscored.
        said: why it is unscored, or what a judge said.
    """

    prompt: str
    category: str
    text: str | None
    reasoning: str | None
    cut: bool
    scores: dict[str, float | None]
    said: str


class ShownMetric(NamedTuple):
    """A metric that samples have a score of; the headline comes first."""

    name: str
    direction: Direction


class SampledTask(NamedTuple):
    """A task's samples in their order, and who judged them."""

    name: str
    metrics: tuple[ShownMetric, ...]
    samples: dict[SampleKey, Sample]
    judges: str = ""


class ShownRun(NamedTuple):
    """A run as a page shows it."""

    label: str
    tasks: dict[str, SampledTask]
