"""A vLLM worker process, as the engine sees it: started, written to, read from, ended."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, NamedTuple

from udasa_data.engines.vllm_messages import (
    FromWorker,
    Start,
    ToWorker,
    receive_from_worker,
    send,
)

_PATIENCE: Final = 30.0  # seconds for a worker to end by itself


class Received(NamedTuple):
    """A worker's message; None is its end."""

    worker: int
    message: FromWorker | None


class WorkerProcess:
    """A worker process, and the thread that puts its messages into an inbox."""

    def __init__(
        self, number: int, devices: str | None, start: Start, inbox: queue.Queue[Received]
    ) -> None:
        self.number = number
        log = tempfile.NamedTemporaryFile(  # noqa: SIM115 - kept for the user where it fails
            "wb", prefix="udasa-vllm-", suffix=".log", delete=False
        )
        self.log = log.name
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-m", "udasa_data.engines.vllm_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(devices),
            start_new_session=True,  # it and its own children are ended together
        )
        log.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[bytes] = self._process.stdin
        self._out: IO[bytes] = self._process.stdout
        self._reader = threading.Thread(target=self._read, args=(inbox,), daemon=True)
        self._reader.start()
        self.send(start)

    def send(self, message: ToWorker) -> None:
        """Send it a message; one that is gone is noticed by its reader."""
        with suppress(BrokenPipeError):
            send(self._in, message)  # type: ignore[arg-type]

    def close(self) -> None:
        """End it and all that it started; its log is kept only where it failed."""
        with suppress(BrokenPipeError):
            self._in.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        _end_group(self._process.pid)
        if self._process.wait() == 0:
            Path(self.log).unlink()
        self._reader.join()
        self._out.close()

    def _read(self, inbox: queue.Queue[Received]) -> None:
        while (message := receive_from_worker(self._out)) is not None:  # type: ignore[arg-type]
            inbox.put(Received(self.number, message))
        inbox.put(Received(self.number, None))


def _end_group(leader: int) -> None:
    """Kill a process and all that it started, and wait until their memory is free."""
    deadline = time.monotonic() + _PATIENCE
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
        while time.monotonic() < deadline:
            os.killpg(leader, 0)  # raises when there is none left
            if not any(_holds_memory(path, leader) for path in Path("/proc").glob("[0-9]*/stat")):
                return
            time.sleep(0.05)


def _holds_memory(stat: Path, group: int) -> bool:
    """Return whether a process is of a group, and more than a name in a table (a zombie)."""
    try:
        state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return False
    return int(pgrp) == group and state not in {"Z", "X"}


def _environment(devices: str | None) -> dict[str, str]:
    """Return a worker's environment: quiet, its own GPUs, and no counting of users."""
    quiet = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    own = {} if devices is None else {"CUDA_VISIBLE_DEVICES": devices}
    # the package is found where this process found it
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**quiet, **os.environ, **own, "PYTHONPATH": paths}
