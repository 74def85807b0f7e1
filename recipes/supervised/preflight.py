"""All that a supervised fine-tuning will need, looked at before weights are fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from udasa_data.config import ModelRef
from udasa_data.preflight import (
    POLICY,
    Demand,
    Lookups,
    ModelNeed,
    Report,
    disk_items,
    look_at_model,
    memory_here,
    memory_items,
)
from udasa_data.storage import cache_folder

from ..staged.preflight import FULL, is_main
from .config import Tuning

_FLOAT32: Final = 4  # bytes
_WAY_OUT: Final = "shard it (--launch fsdp2), or take a smaller model"


def require_tuning(tuning: Tuning, out: Path, processes: int = 1) -> None:
    """Check what a fine-tuning needs.

    Args:
        tuning: the configuration.
        out: the folder of the trained policy.
        processes: over which the weights are sharded.

    Raises:
        UserError: something is wrong; has a line for each fault.
    """
    if not is_main():
        return
    model = look_at_model(ModelNeed(POLICY, ModelRef(id=tuning.model), "policy"), Lookups())
    room = memory_here()
    if room.is_gpu:
        room = room._replace(bytes=room.bytes * processes)
    weights = (model.parameters or 0) * _FLOAT32
    items = [model.item, *memory_items([Demand("training", weights * FULL, room)], _WAY_OUT)]
    items += disk_items(model.download, cache_folder(), weights * FULL, out)
    Report(tuple(items)).require()
