"""What a kind of prompts goes by: weights of the dimensions, and how sure a gap makes a pair."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from udasa_data.config.strict import Strict

NonNegative: TypeAlias = Annotated[float, Meta(ge=0.0)]
Kind: TypeAlias = Literal[
    "harmlessness",
    "helpfulness",
    "truthfulness",
    "sentiment",
    "evidence",
    "truthfulness without log-probabilities",
    "truthfulness of unknown origin",
]


class Weights(Strict, frozen=True):
    """Weights of the dimensions in the combined uncertainty; renormalised over those scored."""

    semantic: NonNegative = 1.0
    factual: NonNegative = 1.0
    value: NonNegative = 1.0

    def __post_init__(self) -> None:
        if self.semantic + self.factual + self.value == 0:
            raise ValueError("At least one weight must be above 0")


class Fit(Strict, frozen=True):
    """Of one kind of prompts: fitted on labelled answers (``benchmarks/pair_quality``), or chosen.

    Attributes:
        weights: of the calibrated dimensions.
        slope: of the log-odds that the chosen answer is the better one, per unit of ``delta_u``.
        n: labelled prompts that it was fitted on; 0: none.
        corpora: that they are from.
    """

    weights: Weights
    slope: NonNegative
    n: Annotated[int, Meta(ge=0)] = 0
    corpora: tuple[str, ...] = ()
