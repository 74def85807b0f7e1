"""P(chosen better) within a stage: the surest pairs first, at a pace, or each by how sure it is."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn.functional import logsigmoid

from .stage_options import StageOptions


class SurestFirst(torch.utils.data.Sampler[int]):
    """Goes through all rows once an epoch, from the surest pairs to the least sure.

    Self-paced by rank (Bengio et al. 2009, "Curriculum learning"): the i-th of N rows is drawn, at
    random, from those that are not drawn yet of the surest ``pacing``·N + (1 − ``pacing``)·i. At 0
    that is the order by P itself; at 1 every row may come at any time.

    Args:
        p: P(chosen better) of each row, [N]; NaN comes last.
        pacing: share of the rows that an epoch begins with, in [0, 1].
        seed: of the draws; each epoch has its own.
    """

    def __init__(self, p: torch.Tensor, pacing: float, seed: int) -> None:
        self.order = torch.argsort(p.nan_to_num(-1.0), descending=True, stable=True).tolist()
        self.pacing, self.seed, self.epoch = pacing, seed, 0

    def __len__(self) -> int:
        return len(self.order)

    def set_epoch(self, epoch: int) -> None:
        """Have the next pass draw as that epoch does: a resumed one must."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + 1_000_003 * self.epoch)
        size = len(self.order)
        waiting: list[int] = []
        known = 0
        for number in range(size):
            share = self.pacing * size + (1 - self.pacing) * number
            reach = min(size, max(number + 1, round(share)))
            waiting += self.order[known:reach]
            known = max(known, reach)
            place = int(torch.randint(len(waiting), (1,), generator=generator))
            yield waiting.pop(place)
        self.epoch += 1


def by_p(options: StageOptions) -> bool:
    """Return whether the loss of a pair depends on P(chosen better)."""
    return options.label_smoothing == "by_p" or options.curriculum == "weight"


def loss_by_p(ratios: torch.Tensor, p: torch.Tensor, options: StageOptions) -> torch.Tensor:
    """Return the DPO loss of pairs that are known to be right with probability p.

    L = Σ_i w_i [−(1 − ε_i) ln σ(h_i) − ε_i ln σ(−h_i)] / Σ_i w_i with h = β·(log-ratio of chosen −
    of rejected): conservative DPO (Mitchell 2023, eq. 4) with ε_i = 1 − p_i of the pair, or the
    stage's own ε; and w_i = max(2 p_i − 1, 0), the expected sign of a pair's label, or 1.

    Args:
        ratios: log π/π_ref, [2, N], chosen first, nats.
        p: P(chosen better), [N] in [0, 1]; NaN: the stage's own ε, and weight 1.
        options: of the stage.
    """
    h = options.beta * (ratios[0] - ratios[1])
    known = p.isfinite()
    fixed = options.label_smoothing
    own = torch.where(known, 1 - p, 0.0).to(h)
    epsilon = own if fixed == "by_p" else torch.full_like(h, fixed)
    each = -(1 - epsilon) * logsigmoid(h) - epsilon * logsigmoid(-h)
    if options.curriculum != "weight":
        return each.mean()
    weights = torch.where(known, (2 * p - 1).clamp(min=0), 1.0).to(h)
    return (weights * each).sum() / weights.sum().clamp(min=torch.finfo(h.dtype).tiny)
