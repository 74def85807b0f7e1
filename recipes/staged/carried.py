"""``optimizer: carry``: the optimizer's moments, from one stage's trainer into the next one's.

Parameters are known by their names, whole: as many processes as there are may hold them in parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import TrainerCallback

from udasa_data.storage import write_atomically


def save_moments(trainer: Any, path: Path) -> None:
    """Save the moments as safetensors, "parameter.moment" → tensor; every process takes part."""
    main = trainer.accelerator.is_main_process
    tensors = {}
    for name, _, state, _ in _parameters(trainer.model, trainer.optimizer):
        for moment, value in state.items():
            whole = value.full_tensor() if isinstance(value, DTensor) else torch.as_tensor(value)
            if main:
                tensors[f"{name}.{moment}"] = whole.detach().cpu().contiguous()
    if main:
        write_atomically(path, lambda file: save_file(tensors, str(file)))


class CarryMoments(TrainerCallback):  # type: ignore[misc]
    """Gives a new trainer the moments of the stage before; learning rates stay its own.

    When training begins: only then are weights and optimizer in the parts in which they stay.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(
        self, _args: Any, _state: Any, _control: Any, model: Any, optimizer: Any, **_: Any
    ) -> None:
        """Load the moments, tensor by tensor."""
        with safe_open(str(self.path), framework="pt") as file:
            moments: dict[str, list[str]] = {}
            for key in file.keys():  # noqa: SIM118 - not a mapping
                parameter, _, moment = key.rpartition(".")
                moments.setdefault(parameter, []).append(moment)
            for name, weight, state, on_device in _parameters(model, optimizer):
                for moment in moments.get(name, ()):
                    value = file.get_tensor(f"{name}.{moment}")
                    if value.shape == weight.shape or on_device:  # else the count of steps
                        value = value.to(weight.device)
                    state[moment] = _parted_as(weight, value)


def _parameters(
    model: Any, optimizer: Any
) -> Iterator[tuple[str, torch.Tensor, dict[str, Any], bool]]:
    """Yield each trained parameter's name, itself, its state, and whether all of that goes with it.

    torch keeps the count of steps on the CPU, unless one kernel updates all (``fused``).
    """
    names = {weight: name for name, weight in model.named_parameters()}
    inner = getattr(optimizer, "optimizer", optimizer)  # accelerate may have wrapped it
    for group in inner.param_groups:
        on_device = bool(group.get("fused") or group.get("capturable"))
        for weight in group["params"]:
            yield names[weight], weight, inner.state[weight], on_device


def _parted_as(weight: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return this process's part of a tensor, where the weight is parted."""
    if not isinstance(weight, DTensor) or value.shape != weight.shape:
        return value
    # each process has read the whole: nothing is sent
    return distribute_tensor(value, weight.device_mesh, weight.placements, src_data_rank=None)
