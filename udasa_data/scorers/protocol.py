"""Scorers: models that turn texts into probabilities.

A scorer is any object with one of these methods; the steps take it as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
# called after each batch with how many rows it finished; a part of a long row is a part of one
OnBatch: TypeAlias = Callable[[float], None]


class TextPair(NamedTuple):
    """Two texts in order: premise and hypothesis, or prompt and answer.

    Attributes:
        first: a premise, a prompt in plain text, or a text alone.
        second: a hypothesis, an answer, or nothing.
        turns: role and content of each turn of the conversation that the prompt is, or that
            premise and hypothesis both begin with; none where it is one turn of the user.
    """

    first: str
    second: str
    turns: tuple[tuple[str, str], ...] = ()


class Entailment(NamedTuple):
    """Probabilities of the outer two NLI classes, [N] each; the neutral class is the rest."""

    entail: Floats
    contradict: Floats


class PairScorer(Protocol):
    """Scores premise–hypothesis pairs."""

    def __call__(self, pairs: Sequence[TextPair], on_batch: OnBatch) -> Entailment:
        """Return the NLI probabilities of each pair, in the order given; NaN: it cannot read it."""
        ...


class TextScorer(Protocol):
    """Scores an answer to a prompt."""

    name: str

    def __call__(self, pairs: Sequence[TextPair], on_batch: OnBatch) -> Floats:
        """Return P(violation) of each (prompt, answer), [N] in [0, 1]; NaN: could not be scored."""
        ...


class TextEmbedder(Protocol):
    """Turns texts into vectors."""

    def __call__(self, texts: Sequence[str], on_batch: OnBatch) -> Floats:
        """Return the embedding of each text, [N, width]."""
        ...


class Scorers(NamedTuple):
    """The models that score a run."""

    nli: PairScorer
    value: Sequence[TextScorer]
    sentiment: TextScorer
    truth: TextScorer | None = None  # P(False), for ``scoring.factual: p_true``
    embedder: TextEmbedder | None = None  # for ``scoring.semantic: cosine``
    prompt_harm: TextScorer | None = None  # P(a prompt asks for harm)
    refusal: TextScorer | None = None  # P(an answer refuses); none: the embedded classifier
    axes: Mapping[str, Sequence[str]] = {}  # whose prompts value scorers read, by name; none: all
    close: Callable[[], None] = lambda: None  # gives back what the policy among them holds


def no_progress(_rows: float) -> None:
    """Ignore progress."""
