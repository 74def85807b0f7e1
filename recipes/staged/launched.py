"""What a run's launch asks of it: the processes that accelerate made, and their precision."""

from __future__ import annotations

import os
from typing import Any

import torch

from udasa_data.errors import UserError


def by_deepspeed() -> bool:
    """Return whether the run was launched with DeepSpeed."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    return bool(PartialState().distributed_type == DistributedType.DEEPSPEED)


def processes(optimizer: str = "reset") -> Any:
    """Return accelerate's state of this process.

    Args:
        optimizer: of the recipe: reset or carry.

    Raises:
        UserError: DeepSpeed cannot do what is asked for.
    """
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    if not by_deepspeed():
        return state
    if optimizer == "carry":
        raise UserError(
            "optimizer: DeepSpeed keeps its own, which cannot be carried to another stage; set "
            "optimizer: reset, or launch with FSDP (recipes/accelerate/fsdp2_8gpu.yaml)"
        )
    if (mixed := mixed_precision()) != "no":
        raise UserError(
            f"mixed_precision: DeepSpeed's {mixed} saves weights in which most of a stage's small "
            "steps are rounded away; leave it out and set torch_autocast in DeepSpeed's own file, "
            "as recipes/accelerate/deepspeed_zero3.yaml does"
        )
    return state


def mixed_precision() -> str:
    """Return what ``accelerate launch`` was told: no, bf16 or fp16."""
    return os.environ.get("ACCELERATE_MIXED_PRECISION", "no").lower()


def rounding() -> str:
    """Return what arithmetic is done in on this machine, beside the type of the weights."""
    return "cuda bf16" if torch.cuda.is_available() else f"cpu {mixed_precision()}"
