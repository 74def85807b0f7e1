"""Executors: where the shards of a run are made.

An executor is any object with :class:`Executor`'s method; ``build()`` takes it as an argument.
Whatever makes them, the shards of a run are the same rows, so a run begun with one executor may
be resumed with another.
"""

from __future__ import annotations

from typing import Protocol

from udasa_data.pipeline.preparation import Prepared
from udasa_data.progress import Progress


class Executor(Protocol):
    """Makes the shards of samples and scores that a run lacks."""

    def make_shards(self, prepared: Prepared, progress: Progress) -> None:
        """Make every missing shard; may be killed, and called again, at any moment.

        Raises:
            UserError: something the user can put right; finished shards stay.
        """
        ...
