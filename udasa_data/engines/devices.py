"""Where models run on this machine, and in which numbers."""

from typing import Any, Final

import torch

_WIDE: Final = 512  # numbers a token's state has; SmolLM2-135M has 576


def best_device() -> torch.device:
    """Return the accelerator (CUDA, or Apple's MPS) where there is one, else the CPU."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def multiplies_bfloat16() -> bool:
    """Return whether this processor has instructions that multiply bfloat16."""
    cpu = torch.cpu.get_capabilities()
    return any(cpu.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def policy_dtype(device: torch.device, config: Any) -> torch.dtype:
    """Return the numbers that a policy computes in.

    bfloat16 on CUDA, and on a processor that multiplies it for a policy that is stored in 16 bits:
    float32 would add no digit to such weights, and draws half as many tokens. Else float32; so do
    narrow policies, whose steps cost the same in both, and then have the same answers everywhere.

    Args:
        device: where it runs.
        config: the model's, of ``transformers``.
    """
    if device.type == "cuda":
        return torch.bfloat16
    stored = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    width = getattr(config.get_text_config(), "hidden_size", 0)
    halved = device.type == "cpu" and stored in ("bfloat16", "float16") and width >= _WIDE
    return torch.bfloat16 if halved and multiplies_bfloat16() else torch.float32
