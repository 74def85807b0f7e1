"""Where models run on this machine, and in which numbers."""

from typing import Any

import torch


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
    float32 would add no digit to such weights, and draws half as many tokens. Else float32.

    Args:
        device: where it runs.
        config: the model's, of ``transformers``.
    """
    stored = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    halved = device.type == "cpu" and stored in ("bfloat16", "float16") and multiplies_bfloat16()
    return torch.bfloat16 if device.type == "cuda" or halved else torch.float32
