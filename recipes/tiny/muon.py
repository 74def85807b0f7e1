"""Muon in float32: torch's own multiplies in bfloat16, many times slower on most processors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import torch

# of the quintic Newton-Schulz iteration: steep at 0, all singular values end in about [.7, 1.2]
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS: Final = 5


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised: each step has singular values near 1 (Jordan et al. 2024, Muon).

    Args:
        params: matrices.
        lr: of a square matrix; others are scaled by √max(1, rows / columns).
        momentum: of the running mean of gradients, applied as Nesterov's.
        weight_decay: decoupled.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step; return what ``closure`` returns, called first, if there is one."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1.0 - group["momentum"])
                update = orthogonalised(weight.grad.lerp(mean, group["momentum"]))
                weight.mul_(1.0 - group["lr"] * group["weight_decay"])
                scale = math.sqrt(max(1.0, weight.shape[0] / weight.shape[1]))
                weight.add_(update, alpha=-group["lr"] * scale)
        return loss


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """Return the matrix with its singular values brought near 1, shape kept."""
    x: torch.Tensor = matrix.float()
    if tall := x.shape[0] > x.shape[1]:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    x = x.T if tall else x
    return x.to(matrix.dtype)
