"""How many threads a model takes on a CPU: one for each core that nobody else uses.

Threads that share an operation wait for each other at its end, spinning. Where another process has
one of the cores, the thread that shares it holds up all others at every operation: two threads on
two cores, one of them busy, draw half as many tokens as one thread does.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final, NamedTuple

import torch

_STAT: Final = Path("/proc/stat")
_GLANCE: Final = 0.2  # seconds that the first look takes
_SHORTEST: Final = 0.1  # seconds between two looks that tell something: a tick is a hundredth
_FIXED_BY: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Look(NamedTuple):
    """A moment: its time, and the seconds that the cores, and this process, have worked by then."""

    time: float
    cores: float
    own: float


def threads_for(before: Look, now: Look, cores: int, most: int) -> int:
    """Return how many threads leave the others their cores.

    Args:
        before: an earlier moment.
        now: a later one.
        cores: that this process may use.
        most: threads where nobody else works.
    """
    seconds = now.time - before.time
    others = max(0.0, (now.cores - before.cores) - (now.own - before.own)) / seconds
    return max(1, min(most, round(cores - others)))


class Threads:
    """Sets the number of torch's threads by what others leave of the cores.

    Does nothing where a user has set it (``OMP_NUM_THREADS``), or the system does not say what its
    cores do. Sums in other numbers of threads may differ in their last digits.

    Args:
        on_cpu: whether the model runs there; elsewhere nothing is done, either.
    """

    def __init__(self, *, on_cpu: bool = True) -> None:
        self._most = torch.get_num_threads()
        self._cores = _own_cores()
        fixed = any(os.environ.get(name) for name in _FIXED_BY) or self._most == 1
        self._before = None if fixed or not on_cpu else _look(self._cores)

    def adapt(self) -> None:
        """Set the number of threads by the load since the last call; the first looks for itself."""
        if self._before is None:
            return
        if time.monotonic() - self._before.time < _SHORTEST:
            time.sleep(_GLANCE)
        now = _look(self._cores)
        if now is not None:
            n = threads_for(self._before, now, len(self._cores), self._most)
            if n != torch.get_num_threads():
                torch.set_num_threads(n)
            self._before = now

    def restore(self) -> None:
        """Take as many threads as before."""
        if self._before is not None:
            torch.set_num_threads(self._most)


def _own_cores() -> frozenset[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def _look(cores: frozenset[int]) -> Look | None:
    """Return what the cores have worked by now; None where the system does not say."""
    try:
        lines = _STAT.read_text(encoding="utf-8").splitlines()
        own = sum(os.times()[:2])
        ticks = sum(_worked(line) for line in lines if _core(line) in cores)
        return Look(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), own)
    except (OSError, ValueError):
        return None


def _core(line: str) -> int | None:
    name = line.partition(" ")[0].removeprefix("cpu")
    return int(name) if line.startswith("cpu") and name.isdecimal() else None


def _worked(line: str) -> int:
    """Return the ticks in which a core was not idle (proc(5): user nice system idle iowait …)."""
    user, nice, system, _idle, _waiting, *rest = map(int, line.split()[1:8])
    return user + nice + system + sum(rest)
