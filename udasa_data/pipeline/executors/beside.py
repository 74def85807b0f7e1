"""Scoring beside sampling: while a server draws answers, this machine scores those there are."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from types import TracebackType
from typing import Final, Self

from udasa_data.config import BuildConfig
from udasa_data.pipeline.executors.work import ScoreMaker, Work
from udasa_data.pipeline.preparation import Prepared
from udasa_data.progress import Progress
from udasa_data.runs import DamagedShardError

_PATIENCE: Final = 10.0  # seconds in which the batch under way may end when the work is stopped


class StoppedError(Exception):
    """The sampling has come to an end before its time, and so does the scoring."""


def scores_beside(config: BuildConfig) -> bool:
    """Return whether shards can be scored while answers are drawn.

    A server draws them, so that this machine is idle meanwhile; and the scorers do not ask it, so
    that one meter counts all that it charges for.
    """
    return config.server is not None and not (
        config.judge is not None or config.scoring.factual == "p_true"
    )


class ScoringBeside:
    """A context that scores shards in a thread of its own, each as soon as its samples are there.

    They are scored in the order of their numbers, as they are where all are sampled first: what the
    score cache knows by then is the same, and so is each score, to its last digit.

    Args:
        prepared: the run.
        work: of the run.
        sizes: how many prompts each shard has that is to be scored, in the order of the numbers.
        sampled: the shards whose samples are there already.
    """

    def __init__(
        self, prepared: Prepared, work: Work, sizes: Mapping[int, int], sampled: Iterable[int]
    ) -> None:
        self._prepared = prepared
        self._work = work
        self._sizes = sizes
        self._sampled = set(sampled)
        self._news = threading.Condition()
        self._done = 0.0  # prompts that are scored
        self._progress: Progress | None = None  # once the step has its own bar
        self._is_stopped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._news:
            self._is_stopped = True
            self._news.notify()
        # a model that is being loaded cannot be stopped: it ends with the process
        self._thread.join(_PATIENCE)

    @property
    def words(self) -> str:
        """How far it is, beside the bar of the sampling."""
        return f"{self._done:,.0f} of {sum(self._sizes.values()):,} scored"

    def sampled(self, number: int) -> None:
        """Take note that the samples of a shard are written.

        Raises:
            Exception: what ended the scoring; for a damaged shard the sampling is not ended.
        """
        with self._news:
            self._sampled.add(number)
            self._news.notify()
        if self._error is not None and not isinstance(self._error, DamagedShardError):
            raise self._error

    def finish(self, progress: Progress, total: int) -> None:
        """Score what is left, all samples being there, under a bar of its own.

        Args:
            progress: shows how it goes.
            total: prompts of the step, those of earlier starts included.

        Raises:
            Exception: what ended the scoring.
        """
        with self._news:
            begun = total - sum(self._sizes.values()) + self._done
            progress.start("scores", total, int(begun))
            progress.advance(begun - int(begun))
            self._progress = progress
        self._thread.join()
        if self._error is not None:
            raise self._error
        progress.finish()

    def _run(self) -> None:
        try:
            with closing(ScoreMaker(self._work)) as maker:
                for number in self._sizes:
                    self._wait_for(number)
                    self._score(number, maker)
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 (raised in the thread that samples)
            self._error = error

    def _wait_for(self, number: int) -> None:
        with self._news:
            self._news.wait_for(lambda: self._is_stopped or number in self._sampled)
            if self._is_stopped:
                raise StoppedError

    def _score(self, number: int, maker: ScoreMaker) -> None:
        prompts = self._prepared.shard_of_prompts(number)

        def on_share(share: float) -> None:
            with self._news:
                if self._is_stopped:
                    raise StoppedError
                self._done += share * len(prompts)
                if self._progress is not None:
                    self._progress.advance(share * len(prompts))

        maker.make(number, prompts, self._prepared.shards["samples"].read(number), on_share)
