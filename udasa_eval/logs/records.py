"""What is taken from another program's log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from udasa_eval.results import Direction

Program: TypeAlias = Literal["lm-eval", "inspect-ai"]


class Text(NamedTuple):
    """What a document asked and what was answered; None where the log does not say."""

    prompt: str | None
    answer: str | None
    said: str | None = None  # a scorer's own words


class LoggedMetric(NamedTuple):
    """A metric's value of each document, by its key; NaN is unscored."""

    name: str
    direction: Direction
    values: dict[str, float]


class LoggedTask(NamedTuple):
    """A task of a log.

    Attributes:
        name: as the program has it.
        asked: what decides its numbers beside the model, by name: runs that differ in it are not
            alike.
        metrics: the first is its headline.
        texts: by the document's key.
        kinds: of the documents' ids, where they are their keys.
    """

    name: str
    asked: dict[str, str | None]
    metrics: tuple[LoggedMetric, ...]
    texts: dict[str, Text]
    kinds: frozenset[str] = frozenset()


class Log(NamedTuple):
    """One model's tasks, as a program logged them; ``notes`` say what was left out of them."""

    place: Path
    program: Program
    model: str
    tasks: dict[str, LoggedTask]
    notes: tuple[str, ...]
