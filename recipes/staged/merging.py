"""What was learnt, put into 16-bit weights that keep it on average: adapters, and whole weights.

The weights begin on bfloat16's grid. What training adds to one is mostly less than half a step of
that grid, and rounding to the nearest would take all of it back, weight by weight: of a policy that
was trained at a learning rate of 5e-6 a twentieth of the change is left (benchmarks/merging.py).
Rounded up or down at random, as likely as the value is near, each weight is right on average
(stochastic rounding; Gupta et al. 2015, arXiv 1502.02551, section 4), and the sums over thousands
of weights that a layer computes are right but for noise of the size that bfloat16 has anyway.
"""

from __future__ import annotations

from typing import Any, Final

import torch

_SIGN: Final = -0x8000  # of a 16-bit integer: the sign's bit alone, which is -0.0


def merge(model: Any, adapter: str, seed: int) -> Any:
    """Merge an adapter into the weights below it, and return the plain model.

    Args:
        model: a ``PeftModel``.
        adapter: its name.
        seed: of the rounding; float32 weights below are not rounded.
    """
    from peft.tuners.lora import LoraLayer

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, LoraLayer) and adapter in module.scaling:
                weight = module.get_base_layer().weight
                whole = weight.float() + module.get_delta_weight(adapter).float()
                weight.copy_(round_stochastically(whole, weight.dtype, generator))
    return model.unload()


def round_weights(model: Any, dtype: torch.dtype, seed: int) -> Any:
    """Return a model with its float32 weights rounded stochastically, in place.

    Args:
        model: on the CPU; weights of another type than float32 stay as they are.
        dtype: bfloat16 or float16; float32 changes nothing.
        seed: of the rounding.
    """
    if dtype == torch.float32:
        return model
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():  # tied ones once
            if weight.dtype == torch.float32:
                weight.copy_(round_stochastically(weight.detach(), dtype, generator))
    return model.to(dtype)  # exact: each value is on the grid


def round_stochastically(
    values: torch.Tensor, dtype: torch.dtype, generator: torch.Generator
) -> torch.Tensor:
    """Round float32 to 16 bits so that the mean over draws is the value; finite values alone.

    Args:
        values: float32, on the CPU.
        dtype: bfloat16, float16, or float32, which is returned as it is.
        generator: of the draws, on the CPU.

    Returns:
        one of the two neighbours of each value; a value on the grid is its own. Beyond the largest
        number of ``dtype`` there is one neighbour: that number.
    """
    if dtype == torch.float32:
        return values
    largest = torch.finfo(dtype).max
    near = values.clamp(-largest, largest).to(dtype)
    error = values - near.float()
    # the neighbour on the value's side: of 16-bit floats, read as integers, the next in size
    bits = near.view(torch.int16)
    outwards = torch.where((error > 0) == (near.float() >= 0), 1, -1).to(torch.int16)
    next_bits = torch.where(
        near == 0, torch.where(error > 0, 1, _SIGN + 1).to(torch.int16), bits + outwards
    )
    other = next_bits.view(dtype)
    gap = other.float() - near.float()
    share = torch.where(torch.isfinite(gap) & (error != 0), error / gap, 0.0)
    draws = torch.rand(values.shape, generator=generator)
    return torch.where(draws < share, other, near)
