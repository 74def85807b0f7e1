"""What the card reaches at best: arithmetic and memory."""

from __future__ import annotations

import time

import torch


def matmul_rate(device: str, size: int = 8192, runs: int = 20) -> float:
    """Return the FLOP/s of a large bfloat16 matrix product."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in "ab")
    for _ in range(3):  # warms up
        left @ right
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(runs):
        left @ right
    torch.cuda.synchronize()
    return float(2 * size**3 * runs / (time.perf_counter() - started))


def copy_rate(size: int = 2**30) -> float:
    """Return bytes a second of a copy within the GPU's memory, read and written ones counted."""
    source = torch.empty(size, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    target.copy_(source)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        target.copy_(source)
    torch.cuda.synchronize()
    return 20 * size / (time.perf_counter() - started)
