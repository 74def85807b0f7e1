"""Engines: what draws a policy's answers.

An engine is any object with :class:`Engine`'s methods; the sampling step takes it as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.errors import UserError
from udasa_data.schema import Why

if TYPE_CHECKING:
    from udasa_data.config import BuildConfig, EngineName, Sampling
    from udasa_data.model_files import Located


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


class Completion(NamedTuple):
    """One answer."""

    text: str
    n_tokens: int  # the end-of-text token included
    sum_logprob: float  # nats, under the policy at temperature 1, the end-of-text token included
    finish_reason: str  # stop | length
    seed: int


class SetAside(NamedTuple):
    """A prompt that the policy cannot be asked: why, and the figures behind it."""

    why: Why
    detail: str
    n_tokens: int | None = None
    limit: int | None = None


class Engine(Protocol):
    """Draws answers, and weighs given ones.

    ``notes`` are facts about it that a user should know, one line each.
    """

    name: str
    notes: tuple[str, ...]

    def sample(
        self, prompts: Sequence[PolicyPrompt], params: Sampling, on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, list[Completion] | SetAside]]:
        """Yield (index into ``prompts``, its answers or why there are none), in any order.

        Args:
            prompts: what to answer.
            params: how many answers for each, how drawn, how long.
            on_prompts: told how many prompts were just finished.
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
            refused by its chat template) is a row of NaN.
        """
        ...


def choose_engine(name: EngineName) -> tuple[str, str]:
    """Return the engine that ``name`` stands for on this machine, and why, in a few words.

    Raises:
        UserError: the engine is not in this version.
    """
    if name == "auto":
        return "transformers", "the engine of this version"
    if name != "transformers":
        raise UserError(
            f"engine '{name}' is not in this version yet; use --engine transformers (or auto)"
        )
    return name, "as asked"


def load_engine(config: BuildConfig, policy: Located) -> Engine:
    """Load the policy into the configured engine.

    Raises:
        UserError: the engine is not available, or the policy cannot be loaded.
    """
    choose_engine(config.engine)
    from udasa_data.engines.transformers import TransformersEngine

    return TransformersEngine(policy, config.batch_tokens)
