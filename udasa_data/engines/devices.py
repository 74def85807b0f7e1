"""Where models run on this machine, and in which numbers."""

import ctypes
from collections.abc import Mapping
from typing import Any, Final

import torch

_WIDE: Final = 512  # numbers a token's state has; SmolLM2-135M has 576
# glibc's: blocks from mmap (-4) of how many bytes (-3); how much of its heap's end is kept (-1)
# and asked for at a time (-2); afterwards as its own adaptation would have them
_KEEPING: Final = {-4: 0, -1: 2**31 - 1, -2: 2**28}
_GIVING_BACK: Final = {-4: 65536, -3: 2**25, -1: 2**26, -2: 2**17}


def best_device() -> torch.device:
    """Return the accelerator (CUDA, or Apple's MPS) where there is one, else the CPU."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def keep_freed_memory() -> None:
    """Let this process use memory again that it has freed, in the place of asking for new pages.

    glibc gives every large block back at once, and a page that is asked for again is zeroed by the
    kernel first: a fifth of the time that models take on a CPU. Elsewhere nothing is done.
    """
    _mallopt(_KEEPING)


def give_back_memory() -> None:
    """Give back what :func:`keep_freed_memory` has kept, and keep no more than glibc does."""
    _mallopt(_GIVING_BACK)
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def _mallopt(settings: Mapping[int, int]) -> None:
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # glibc
        for option, setting in settings.items():
            library.mallopt(option, setting)


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
    halved = device.type == "cpu" and stored in ("bfloat16", "float16")
    return torch.bfloat16 if halved and gains_by_bfloat16(config) else torch.float32


def gains_by_bfloat16(config: Any) -> bool:
    """Return whether a model's products are faster in bfloat16 on this processor."""
    width = getattr(config.get_text_config(), "hidden_size", 0)
    return width >= _WIDE and multiplies_bfloat16()
