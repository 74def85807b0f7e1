"""What a run asks of a server: bounded, shown while it runs, and recorded with the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self

import msgspec
import polars as pl

from udasa_data.config import Server
from udasa_data.engines import Meter, Usage
from udasa_data.progress import Progress
from udasa_data.runs import Run


class Spending:
    """A step's spending: a context that writes what was used into the manifest, however it ends.

    Args:
        run: its manifest holds what earlier starts used; None where it may not be written.
        server: its prices and bound; None where no server is asked.
        progress: shows the cost so far and projected.
        prompts: yet to be answered in this step.

    Attributes:
        meter: counts what is used.
        beside: what else is shown while it runs, in words; none is empty.
    """

    def __init__(
        self, run: Run | None, server: Server | None, progress: Progress, prompts: int
    ) -> None:
        self._run = run
        self._progress = progress
        self._left = prompts
        self._ahead = 0  # of the prompts of shards that were begun, those yet to be answered
        self._refused = False
        self.beside: Callable[[], str] = str
        self._counts = server is not None
        before = msgspec.convert(run.manifest.get("usage", {}) if run else {}, Usage)
        prices, bound = (server.prices, server.max_cost) if server else (None, None)
        self.meter = Meter(prices, bound, before)

    def affordable(
        self, shards: Iterable[tuple[int, pl.DataFrame]], sizes: Mapping[int, int]
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield shards as long as the bound leaves room for a whole one at the mean cost so far.

        So a stop wastes no answers: a shard that was begun can be finished, and is written.

        Args:
            shards: number and prompts of each.
            sizes: how many prompts of a shard are yet to be answered.
        """
        for number, prompts in shards:
            self._ahead += sizes[number]
            if not self.meter.affords(self._ahead):
                self._refused = True
                return
            yield number, prompts

    def on_prompts(self, prompts: int) -> None:
        """Count prompts as answered, and show what the step costs."""
        self._left -= prompts
        self._ahead -= prompts
        self._progress.advance(prompts)
        told = (self.meter.summary(self._left), self.beside())
        if words := ", ".join(filter(None, told)):
            self._progress.tell(words)

    def save(self) -> None:
        """Write what was used so far into the manifest."""
        if self._counts and self._run:
            used = msgspec.to_builtins(self.meter.usage)
            projected = self.meter.projected(self._left)
            self._run.save_manifest(usage={**used, "projected_cost": projected})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.save()
        if error is None and self._refused:
            raise self.meter.out_of_money()
