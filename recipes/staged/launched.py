"""How a run was launched: the processes that accelerate made, and what they round to."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, Final

import torch

from udasa_data.engines.devices import gains_by_bfloat16
from udasa_data.errors import UserError

from .config import Recipe

_PATIENCE: Final = timedelta(hours=12)


def by_deepspeed() -> bool:
    """Return whether the run was launched with DeepSpeed."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    return bool(PartialState().distributed_type == DistributedType.DEEPSPEED)


def by_fsdp() -> bool:
    """Return whether the run was launched with FSDP."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def processes(optimizer: str = "reset") -> Any:
    """Return accelerate's state of this process.

    Args:
        optimizer: of the recipe: reset or carry.

    Raises:
        UserError: DeepSpeed cannot do what is asked for.
    """
    from accelerate import PartialState

    # the others wait while one measures
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    if not by_deepspeed():
        return state
    if optimizer == "carry":
        raise UserError(
            "optimizer: DeepSpeed keeps its own, which cannot be carried to another stage; set "
            "optimizer: reset, or --launch fsdp2"
        )
    if (mixed := mixed_precision()) != "no":
        raise UserError(
            f"mixed_precision: DeepSpeed's {mixed} saves weights in which most of a stage's small "
            "steps are rounded away; leave it out and set torch_autocast in DeepSpeed's own file, "
            "as --launch zero3 does"
        )
    return state


def from_main(value: Any) -> Any:
    """Return the main process's value in every process."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def mixed_precision() -> str:
    """Return the mixed precision of the launch: no, bf16 or fp16."""
    return os.environ.get("ACCELERATE_MIXED_PRECISION", "no").lower()


def in_bfloat16(config: Any) -> bool:
    """Return whether TRL is to make a model's products in bfloat16, its weights as they are.

    So it does on a GPU, unless DeepSpeed does by itself, and on a processor that multiplies
    bfloat16, for a model wide enough to gain by it.

    Args:
        config: the model's, of ``transformers``.
    """
    if by_deepspeed():
        return False
    return torch.cuda.is_available() or gains_by_bfloat16(config)


def rounding(config: Any) -> str:
    """Return what arithmetic is done in here: on what, launched how, beside the weights' type."""
    mixed = "bf16" if in_bfloat16(config) else mixed_precision()
    how = "cuda bf16" if torch.cuda.is_available() else f"cpu {mixed}"
    launch = "deepspeed" if by_deepspeed() else "fsdp, float32 outputs" if by_fsdp() else "whole"
    return f"{how} {launch}"


def compute_dtype(recipe: Recipe) -> torch.dtype:
    """Return the type that weights are held in.

    ``auto``: float32, except under adapters on a GPU, where the frozen weights are bfloat16. On a
    GPU float32 weights are multiplied in bfloat16 (autocast): updates of 1e-7 would be lost in
    bfloat16 weights.
    """
    if recipe.weights != "auto":
        found: torch.dtype = getattr(torch, recipe.weights)
        return found
    return torch.bfloat16 if recipe.lora and torch.cuda.is_available() else torch.float32


def floor_of(recipe: Recipe, mixed: str) -> float:
    """Return up to which root mean square, in nats, a first step's answers are not looked at."""
    return 1e-3 if tolerance(recipe, mixed) <= 1e-3 else 2e-2


def tolerance(recipe: Recipe, mixed: str) -> float:
    """Return how far from its exact value the first loss may be: rounding, no more."""
    exact = compute_dtype(recipe) == torch.float32 and mixed == "no"
    return 1e-3 if exact and not torch.cuda.is_available() else 5e-2
