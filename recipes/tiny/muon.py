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
            for weights in self._of_one_shape(group["params"]):
                self._move(weights, group)
        return loss

    @staticmethod
    def _of_one_shape(params: list[torch.Tensor]) -> Iterable[list[torch.Tensor]]:
        """Yield the weights that have a gradient, those of one shape together."""
        found: dict[torch.Size, list[torch.Tensor]] = {}
        for weight in params:
            if weight.grad is not None:
                found.setdefault(weight.shape, []).append(weight)
        return found.values()

    def _move(self, weights: list[torch.Tensor], group: dict[str, Any]) -> None:
        """Take one step with weights of one shape, stacked: a GPU waits for launches, not for
        arithmetic.
        """
        directions = []
        for weight in weights:
            mean = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            gradient = weight.grad
            assert gradient is not None
            mean.lerp_(gradient, 1.0 - group["momentum"])
            directions.append(gradient.lerp(mean, group["momentum"]))
        scale = math.sqrt(max(1.0, weights[0].shape[0] / weights[0].shape[1]))
        updates = orthogonalised(torch.stack(directions))
        for weight, update in zip(weights, updates, strict=True):
            weight.mul_(1.0 - group["lr"] * group["weight_decay"])
            weight.add_(update, alpha=-group["lr"] * scale)


def orthogonalised(matrices: torch.Tensor) -> torch.Tensor:
    """Return [..., rows, columns] matrices with their singular values brought near 1."""
    x: torch.Tensor = matrices.float()
    if tall := x.shape[-2] > x.shape[-1]:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    x = x.mT if tall else x
    return x.to(matrices.dtype)
