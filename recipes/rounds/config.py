"""What rounds are made of: one YAML file, strict, each fault one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from udasa_data.config import Strict, Unit, convert, read_presets
from udasa_data.errors import UserError, nearest

from ..staged import read_with_settings


class Rounds(Strict, frozen=True):
    """What a round is made of."""

    model: str  # preset of the build
    recipe: str  # of staged DPO, beside this file or from the working directory
    rounds: Annotated[int, Meta(ge=1)] | None = None  # none: 2, or one for each stage trained
    # the whole recipe in each round, or its next stage alone: the policy of the stage before
    # answers the stage's prompts afresh, as the first build staged them
    trains: Literal["recipe", "stage"] = "recipe"
    max_homogeneous: Unit = 0.5  # share of prompts whose answers all mean the same
    # whose answers are rejected after the first round: the policy's that answers, or the first's
    rejected: Literal["own", "first"] = "own"
    build: dict[str, object] = msgspec.field(default_factory=dict)  # over the preset


def read_rounds(path: Path, settings: Mapping[str, object] | None = None) -> Rounds:
    """Read the configuration from a YAML file.

    Args:
        path: of the file.
        settings: keys in the place of the file's, nested as they are there.

    Raises:
        UserError: an unknown key or model, or a wrong value.
    """
    return read_with_settings(path, settings, parse_rounds)


def parse_rounds(plain: Mapping[str, object], where: str) -> Rounds:
    """Check the keys and values of a configuration.

    Raises:
        UserError: an unknown key or model, or a wrong value; ``where`` comes first.
    """
    config = convert(plain, Rounds, where=where)
    known = read_presets().models
    if config.model not in known:
        raise UserError(
            f"{where}: model '{config.model}' is no preset of a build{nearest(config.model, known)}"
        )
    return config
