"""What an ablation compares: one YAML file, strict, each fault one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from udasa_data.config import Strict, ValueRef, convert
from udasa_data.errors import UserError, nearest

from ..staged import read_with_settings

UNTRAINED: Final = "untrained"
CONTROLS: Final = (
    "staged", "reversed", "shuffled", "only_conservative", "only_moderate", "only_exploratory",
    "random_pairs", "random_stages", "without_semantic", "without_factual", "without_value",
    "reference_sft",
)  # fmt: skip
# other pairs (longest over shortest, likeliest over least likely), other ways to learn from the
# same ones (chosen answers alone; weights or an order by P(chosen better)), and none
VARIANTS: Final = (
    *CONTROLS, "longest", "likeliest", "sft_chosen", "weighted", "paced", UNTRAINED,
)  # fmt: skip


class Ablation(Strict, frozen=True):
    """What is compared."""

    recipe: str  # of staged DPO, beside this file or from the working directory
    steps: Annotated[int, Meta(ge=3)]  # of the optimizer, in every cell; a multiple of 3
    judges: dict[str, ValueRef]  # independent scorers of the chat answers
    seeds: Annotated[tuple[int, ...], Meta(min_length=1)] = (0, 1, 2)
    variants: tuple[str, ...] = CONTROLS
    gold: str | None = None  # file of questions with gold answers or kinds, found as the recipe is
    gold_tokens: Annotated[int, Meta(ge=1)] = 32  # of an answer to one

    def __post_init__(self) -> None:
        if self.steps % 3:
            raise ValueError("key 'steps': not a multiple of 3, the number of stages")


def read_ablation(path: Path, settings: Mapping[str, object] | None = None) -> Ablation:
    """Read the configuration from a YAML file.

    Args:
        path: of the file.
        settings: keys in the place of the file's, nested as they are there.

    Raises:
        UserError: an unknown key or variant, or a wrong value.
    """
    return read_with_settings(path, settings, parse_ablation)


def parse_ablation(plain: Mapping[str, object], where: str) -> Ablation:
    """Check the keys and values of a configuration.

    Raises:
        UserError: an unknown key or variant, or a wrong value; ``where`` comes first.
    """
    config = convert(plain, Ablation, where=where)
    for name in config.variants:
        if name not in VARIANTS:
            raise UserError(f"{where}: unknown variant '{name}'{nearest(name, VARIANTS)}")
    if UNTRAINED in config.variants and config.gold is None:
        raise UserError(f"{where}: 'untrained' has figures of its answers alone; give 'gold'")
    if "staged" not in config.variants:
        raise UserError(f"{where}: 'staged' must be among the variants: all are compared with it")
    return config
