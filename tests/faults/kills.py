"""Kills and signals: a job is stopped, begun again until it ends, and compared with one left alone.

A trial reads as words, which reproduce it: ``build kill@17 term@0.35s`` ends a build at its 17th
file operation, and what is begun again after 0.35 seconds by SIGTERM.
"""

import json
import random
import re
import shutil
import signal
import time
import zlib
from typing import NamedTuple

import polars as pl
from faults.contents import contents, differences

SIGNALS = {"kill": signal.SIGKILL, "int": signal.SIGINT, "term": signal.SIGTERM}
STATUS = {"int": 130, "term": 143}
AGAIN = 3  # runs that are left alone, within which a job must end
STOP = re.compile(r"(kill|int|term)@([\d.]+)(s?)")


class Stop(NamedTuple):
    """How a process is stopped: by which signal, at which operation or after how many seconds."""

    by: str
    at: int | None = None
    after: float | None = None

    def __str__(self):
        return f"{self.by}@{self.at}" if self.after is None else f"{self.by}@{self.after:.3f}s"


def stops_of(words):
    """Read the stops of a trial from its words."""
    found = [STOP.fullmatch(word).groups() for word in words]
    return [Stop(by, None, float(n)) if s else Stop(by, int(n)) for by, n, s in found]


class Undisturbed(NamedTuple):
    """What a job comes to when it is left alone."""

    contents: dict
    operations: int
    seconds: float
    visible: object  # of a Hub, before and after


class Trials:
    """The trials of one job.

    Args:
        ground: see :class:`faults.jobs.Ground`.
        job: the job.
        folder: where the trials work; kept where one fails.
    """

    def __init__(self, ground, job, folder):
        self.ground, self.job, self.folder = ground, job, folder
        self.stopped = dict.fromkeys(SIGNALS, 0)
        self.failures = []
        self.undisturbed = self._undisturbed()

    def _undisturbed(self):
        work, log = self.folder / "work", self.folder / "operations"
        self.ground.lay_out(self.job, work)
        before = self.ground.visible(self.job)
        started = time.monotonic()
        process, _, err = self.ground.run(self.job.command, work, log=str(log))
        assert process.returncode == 0, f"{self.job.name}: {err}"
        seconds = time.monotonic() - started
        found = contents(work)
        shutil.rmtree(work)
        visible = (before, self.ground.visible(self.job))
        return Undisturbed(found, len(log.read_text().splitlines()), seconds, visible)

    def planned(self, number):
        """Yield the stops of so many trials: each operation once, in random order, then moments."""
        draw = random.Random(zlib.crc32(self.job.name.encode()))
        operations = list(range(1, self.undisturbed.operations + 1))
        draw.shuffle(operations)
        for trial in range(number):
            at_operation = trial % 4 != 3 and bool(operations)
            first = Stop("kill", operations.pop()) if at_operation else self._moment(draw, "kill")
            stops = [first]
            while draw.random() < 0.55:
                stops.append(self._any(draw))
            yield stops

    def _any(self, draw):
        by = draw.choice(("kill", "kill", "kill", "int", "term"))
        if draw.random() < 0.5:
            return self._moment(draw, by)
        return Stop(by, draw.randint(1, self.undisturbed.operations))

    def _moment(self, draw, by):
        return Stop(by, None, draw.uniform(0.02, 1) * self.undisturbed.seconds)

    def run(self, stops):
        """Run one trial; return what is wrong, a line each."""
        work = self.folder / "work"
        if work.exists():
            shutil.rmtree(work)
        foreign = self.ground.lay_out(self.job, work)
        wrong = []
        for stop in stops:
            wrong += self._stopped(stop, work)
            wrong += self._half_written(work)
            wrong += [f"{name}: touched" for name in foreign if not _is_mine(work / name)]
        wrong += self._ended(work)
        if wrong:
            self.failures.append((f"{self.job.name} {' '.join(map(str, stops))}", wrong))
        return wrong

    def _stopped(self, stop, work):
        """Run the command and stop it; return what is wrong with how it ended."""
        number = SIGNALS[stop.by]
        if stop.after is None:
            process, out, err = self.ground.run(
                self.job.command, work, at=stop.at, number=int(number)
            )
        else:
            process = self.ground.begin(self.job.command, work)
            time.sleep(stop.after)
            process.send_signal(number)
            out, err = process.communicate(timeout=300)
        if process.returncode == 0:  # it had ended before
            return []
        self.stopped[stop.by] += 1
        if stop.by == "kill":
            return [] if process.returncode == -9 else [f"{stop}: {process.returncode}: {err}"]
        said = [line for line in err.splitlines() if not line.startswith("note: ")]
        told = len(said) == 1 and said[0].startswith("interrupted")
        if process.returncode == STATUS[stop.by] and told and "Traceback" not in out:
            return []
        return [f"{stop}: status {process.returncode}, {err[-2000:]!r}"]

    def _ended(self, work):
        """Run the command until it ends; return how that differs from one left alone."""
        for _ in range(AGAIN):
            process, _, err = self.ground.run(self.job.command, work)
            if process.returncode == 0:
                break
        else:
            return [f"does not end: status {process.returncode}, {err[-2000:]!r}"]
        wrong = differences(self.undisturbed.contents, contents(work))
        if self.ground.visible(self.job) != self.undisturbed.visible[1]:
            wrong.append("the Hub shows something else")
        return wrong

    def _half_written(self, work):
        """Return what a kill left half-written under a name that counts."""
        wrong = []
        for path in sorted(work.rglob("*")):
            name = path.relative_to(work).as_posix()
            if ".tmp-" in name or ".unfinished" in name or "checkpoints/" in name:
                continue
            if not name.startswith(("cache/", "home/")) and not _is_whole(path):
                wrong.append(f"{name}: half-written")
        if self.ground.visible(self.job) not in self.undisturbed.visible:
            wrong.append("the Hub shows half a state")
        return wrong


def _is_mine(path):
    return path.is_file() and path.read_text() == "mine"


def _is_whole(path):
    try:
        if path.suffix == ".parquet":
            pl.read_parquet(path.read_bytes())
        elif path.suffix == ".json":
            json.loads(path.read_bytes())
        elif path.suffix == ".html":
            return path.read_text().rstrip().endswith("</html>")
    except (ValueError, pl.exceptions.PolarsError):
        return False
    return True
