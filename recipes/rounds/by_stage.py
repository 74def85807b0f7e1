"""Rounds of one stage each: its prompts are answered afresh by the policy of the stage before."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from udasa_data.config import ModelRef
from udasa_data.errors import UserError
from udasa_data.runs import open_finished
from udasa_data.schema import Stage
from udasa_data.storage import write_atomically

from ..staged import SFT, Recipe, options_of
from .config import Rounds

_STAGES: Final = {stage.value for stage in Stage}


def check_stages(config: Rounds, recipe: Recipe) -> None:
    """Refuse what has no meaning where each round trains one stage.

    Raises:
        UserError: names the key.
    """
    where = f"{config.recipe}: with trains: stage"
    count = config.rounds or 0
    if count > len(recipe.order):
        raise UserError(f"rounds: {count}, but the recipe's order has {len(recipe.order)} stages")
    for name in recipe.order:
        options = options_of(recipe, name)
        if name not in _STAGES:
            raise UserError(f"{where}, order holds '{name}', which is no stage of a build")
        if options.replay:
            raise UserError(f"{where}, replay of {name} has nothing: a round has one stage's pairs")
        if options.reference == SFT and recipe.policy.revision != "main":
            raise UserError(f"{where}, reference: sft is of a policy of the revision main alone")
    if recipe.optimizer == "carry":
        raise UserError(f"{where}, optimizer: carry has nothing to carry: each round is a run")


def recipe_of_stage(recipe: Recipe, number: int, policy: ModelRef) -> Recipe:
    """Return the recipe of a round: its stage alone, from the policy of the round before."""
    name = recipe.order[number - 1]
    stages = dict(recipe.stages)
    if number > 1 and options_of(recipe, name).reference == SFT:  # the first round's, not its own
        stages[name] = {**stages.get(name, {}), "reference": recipe.policy.id}
    return msgspec.structs.replace(recipe, policy=policy, order=(name,), stages=stages)


def stage_prompts(first: Path, stage: str, path: Path) -> Path:
    """Write the prompts whose pairs a build put into a stage, as a source of prompts.

    Args:
        first: the build's dataset.
        stage: of its.
        path: of the file.

    Raises:
        UserError: there are none.
    """
    pairs = open_finished(str(first)).pairs.filter(pl.col("stage") == stage)
    if pairs.is_empty():
        raise UserError(f"{first}: no pair is of the stage '{stage}', so there is none to ask")
    table = pairs.sort("prompt_id").select("prompt", "mode", "axis", "context")
    write_atomically(path, table.write_parquet)
    return path
