"""An adapter merged into the weights below it, of which bfloat16 keeps what was learnt on average.

The weights below lie on bfloat16's grid. What an adapter adds is mostly less than half a step of
that grid, and rounding to the nearest would take all of it back, weight by weight: of a policy that
was trained at a learning rate of 5e-6 a twentieth of the change is left (benchmarks/merging.py).
Rounded up or down at random, as likely as the value is near, each weight is right on average
(stochastic rounding; Gupta et al. 2015, arXiv 1502.02551, section 4), and the sums over thousands
of weights that a layer computes are right but for noise of the size that bfloat16 has anyway.
"""

from __future__ import annotations

from typing import Any, Final

import torch

_CUT: Final = 16  # bits of float32's 32 that bfloat16 has not


def merge(model: Any, adapter: str, seed: int) -> Any:
    """Merge an adapter into the weights below it, and return the plain model.

    Args:
        model: a ``PeftModel``.
        adapter: its name.
        seed: of the rounding; float32 weights are not rounded.
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


def round_stochastically(
    values: torch.Tensor, dtype: torch.dtype, generator: torch.Generator
) -> torch.Tensor:
    """Round float32 to bfloat16 so that the mean over draws is the value; finite values alone.

    Args:
        values: float32, on the CPU.
        dtype: bfloat16, or float32, which is returned as it is.
        generator: of the draws, on the CPU.

    Returns:
        one of the two neighbours of each value; a value on the grid is its own.
    """
    if dtype == torch.float32:
        return values
    assert dtype == torch.bfloat16
    draws = torch.randint(
        0, 1 << _CUT, values.shape, generator=generator, dtype=torch.int32, device="cpu"
    )
    bits = values.contiguous().view(torch.int32) + draws  # carries into the kept bits, or does not
    return (bits >> _CUT << _CUT).view(torch.float32).to(dtype)
