"""The steps of the way: each a command, with its time and its memory; none is done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.subjects import environment


class Step(NamedTuple):
    """What a step took, over all its starts."""

    command: str
    seconds: float
    gigabytes: float  # resident at most, of the largest process
    done: bool


class Steps:
    """The steps so far, in ``steps.json``.

    Args:
        out: the folder of the way.
    """

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._out = out
        self._file = out / "steps.json"
        found = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        self.steps = {name: Step(**facts) for name, facts in found.items()}

    def is_done(self, name: str) -> bool:
        """Return whether a step has ended well."""
        return name in self.steps and self.steps[name].done

    def run(self, name: str, program: str, *arguments: object, keep: str | None = None) -> None:
        """Run a command of ours unless it is done.

        Args:
            name: of the step.
            program: the module that is run.
            arguments: of its command line.
            keep: the file in ``out`` that takes what it prints; None: the terminal.

        Raises:
            SystemExit: it failed; the same call resumes it.
        """
        if self.is_done(name):
            return
        before = self.steps.get(name, Step("", 0.0, 0.0, done=False))
        words = [program, *map(str, arguments)]
        print(f"== {name}: {' '.join(words)}", flush=True)
        started = time.monotonic()
        status, gigabytes = self._wait([sys.executable, "-m", *words], keep)
        self.steps[name] = Step(
            " ".join(words),
            before.seconds + time.monotonic() - started,
            max(before.gigabytes, gigabytes),
            done=status == 0,
        )
        facts = {step: found._asdict() for step, found in self.steps.items()}
        self._file.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        if status:
            raise SystemExit(f"{name} ended with status {status}; the same command resumes")

    def _wait(self, command: list[str], keep: str | None) -> tuple[int, float]:
        """Run a command; return its status and its largest resident memory, in GB."""
        with open(self._out / keep if keep else os.devnull, "wb") as file:  # noqa: PTH123
            output = file if keep else None
            process = subprocess.Popen(command, env=environment(), stdout=output)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        return process.returncode, usage.ru_maxrss * unit / 1e9
