"""The order of a stage's pairs by P(chosen better): the surest first, at a pace."""

from __future__ import annotations

from collections.abc import Iterator

import torch


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
