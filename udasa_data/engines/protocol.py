"""Engines: what draws a policy's answers.

An engine is any object with :class:`Engine`'s methods; the sampling step takes it as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.config import Sampling
from udasa_data.errors import UserError
from udasa_data.schema import Why

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class PolicyPrompt:
    """A prompt as the policy is to see it.

    Attributes:
        turns: (role, content) of each turn.
        raw: continue the last turn's text as it stands, with no chat template.
        seed: of sample 0; sample k has ``seed + k``.
    """

    turns: tuple[tuple[str, str], ...]
    raw: bool
    seed: int

    @property
    def messages(self) -> list[dict[str, str]]:
        """The turns as chat templates and servers take them."""
        return [{"role": role, "content": content} for role, content in self.turns]


class Completion(NamedTuple):
    """One answer, and what was thought before it (``engines.reasoning``)."""

    text: str
    n_tokens: int  # of thoughts and answer, the end-of-text token included
    # nats, under the policy at temperature 1, the end-of-text token included; None: not known
    sum_logprob: float | None
    finish_reason: str  # stop | length (also of a thought without an end) | content_filter
    seed: int
    # all before the answer, with its tags and white space; a server's, told apart, has none
    reasoning: str = ""


class SetAside(NamedTuple):
    """A prompt that the policy cannot be asked: why, and the figures behind it."""

    why: Why
    detail: str
    n_tokens: int | None = None
    limit: int | None = None


class Engine(Protocol):
    """Draws answers, and weighs given ones.

    Attributes:
        name: as in the configuration.
        notes: facts about it that a user should know, one line each; complete once it has sampled.
        streams: whether it takes prompts one by one, as it has room for them. One that does not
            takes all of a call's at once, to sort them.
    """

    name: str
    streams: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """Facts about it that a user should know, one line each."""
        ...

    def sample(
        self, prompts: Iterable[PolicyPrompt], params: Sampling, on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, list[Completion] | SetAside]]:
        """Yield (number of a prompt, its answers or why there are none) as prompts finish.

        Args:
            prompts: what to answer, numbered from 0.
            params: how many answers for each, how drawn, how long. At temperature 0 the likeliest
                answer is drawn once and given K times.
            on_prompts: called with how many prompts were just finished, once all of their batch
                were yielded.
        """
        ...

    def choice_logprobs(self, prompts: Sequence[PolicyPrompt], choices: Sequence[str]) -> Floats:
        """Return the log-probability that the policy's answer begins with each of a few texts.

        log p(c | x) = Σ_t log p(c_t | x, c_<t) over the choice's tokens, at temperature 1. A choice
        is appended to the generation prompt as the assistant's first tokens, exactly as it is
        written: " Yes" is another choice than "Yes", and which of the two a policy would say
        depends on its template and tokenizer; a caller who means either asks for both.

        Args:
            prompts: N prompts; their seeds do not matter.
            choices: C short, non-empty texts.

        Returns:
            [N, C], nats, ≤ 0. A prompt that the policy cannot be asked (longer than its window, or
            refused by its chat template) is a row of NaN. From a server that tells its likeliest
            tokens alone, NaN is a choice of which nothing is known, and −inf one of which it is
            known that it says something else.
        """
        ...

    def close(self) -> None:
        """Give back its memory and end its processes; it cannot be used afterwards."""
        ...


class NoLogprobsError(UserError):
    """A server gives no log-probabilities; ``fact`` says so without saying what to do about it."""

    def __init__(self, fact: str) -> None:
        self.fact = fact
        super().__init__(
            f"{fact}, which the judge and scoring.factual: p_true ask for; leave them out, or use "
            "--engine vllm or transformers"
        )


def any_of(logprobs: Floats) -> Floats:
    """Return the log-probability that an answer begins with one of C choices, [N] from [N, C].

    Choices of which nothing is known (NaN) are left out; NaN where nothing is known of any.
    """
    unknown = np.isnan(logprobs)
    total = np.logaddexp.reduce(np.where(unknown, -np.inf, logprobs), axis=-1)
    return np.asarray(np.where(unknown.all(axis=-1), np.nan, total))


def greedy(answer: Completion, seed: int, samples: int) -> list[Completion]:
    """Return the one answer of temperature 0 as the K samples of its prompt."""
    return [answer._replace(seed=seed + k) for k in range(samples)]
