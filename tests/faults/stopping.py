"""A command that ends at one of its file operations, as a kill at that very moment would end it.

Runs in a process of its own: ``-m faults.stopping PLAN PROGRAM ARGUMENT...``. What is seen are the
interpreter's own operations; libraries that write by themselves are stopped at random moments, and
where we sync what they wrote, which is then cut in half, as a killed writer leaves it.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

MAINS = {
    "udasa-data": "udasa_data.cli",
    "udasa-eval": "udasa_eval.cli",
    "udasa-train": "udasa_recipes.cli",
}
# audited events that change files, and which of their arguments is the file
CHANGES = {
    "os.rename": 1,
    **dict.fromkeys(("os.link", "os.symlink"), 1),
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate"), 0),
    "sqlite3.connect": 0,
}
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Stopping:
    """Counts operations below a folder, and ends the process at one of them.

    Args:
        below: the folder.
        at: number of the operation, from 1; None counts alone.
        number: of the signal.
        log: a file for the operations' names, a line each; None writes none.
    """

    def __init__(self, below, at=None, number=signal.SIGKILL, log=None):
        self.below = below
        self.at = at
        self.number = number
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if log else None
        self.seen = 0
        self._fsync = os.fsync

    def watch(self):
        os.fsync = self.fsync
        sys.addaudithook(self.hook)

    def hook(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            if not flags & TO_WRITE:
                return
        elif event in CHANGES:
            path = arguments[CHANGES[event]]
        else:
            return
        self.count(event, path)

    def fsync(self, file):
        number = file if isinstance(file, int) else file.fileno()
        path = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 (pathlib is what is watched)
        self.count("os.fsync", path)
        self._fsync(file)

    def count(self, event, path):
        if isinstance(path, int):
            return
        path = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 (follows no link)
        if not path.startswith(self.below):
            return
        self.seen += 1
        if self.log is not None:
            os.write(self.log, f"{event} {path.removeprefix(self.below)}\n".encode())
        if self.seen == self.at:
            if event == "os.fsync" and self.number == signal.SIGKILL:
                os.truncate(path, Path(path).stat().st_size // 2)
            os.kill(os.getpid(), self.number)


def told_when_watching(file):
    """Make a file once the program watches for signals."""
    set_handler = signal.signal

    def watching(number, handler):
        set_handler(number, handler)
        if number == signal.SIGTERM and callable(handler):
            Path(file).touch()

    signal.signal = watching


def main():
    plan, program = json.loads(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[2:]
    status = 0
    try:
        module = importlib.import_module(MAINS[program])
        watched = plan.pop("watched", None)
        if watched:
            told_when_watching(watched)
        encoding = plan.pop("encoding", None)
        for stream in (sys.stdout, sys.stderr) if encoding else ():
            stream.reconfigure(encoding=encoding)  # as PYTHONIOENCODING would, had it been there
        Stopping(**plan).watch()
        module.main()
    except SystemExit as end:
        status = end.code or 0
    except BaseException:  # noqa: BLE001 (a fault that is to be seen)
        traceback.print_exc()
        status = 99
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or 98
    os._exit(status)  # taking the interpreter down costs more than many a command


if __name__ == "__main__":
    main()
