"""Commands in processes of their own that find the libraries imported.

A command spends most of its time on importing torch and transformers, and the tests start hundreds.
A server, one to a test process, imports them once and forks for each command. What it forks is any
process: with its own environment, files, exit code and signals. What a command imports by itself is
tested in test_house.py, by processes that nothing prepares.
"""

import atexit
import gc
import importlib
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

# all that asks no Hub for anything, and reads no environment on import
LIBRARIES = (
    *("matplotlib.figure", "numpy", "pandas", "polars", "pyarrow.parquet", "scipy.stats"),
    *("sklearn.metrics", "torch", "torch._dynamo", "torch.distributed.tensor", "torch.export"),
    *("typer", "rich.table", "httpx2"),
)
# for commands that keep to the tests' own environment, in which there is no Hub
OFFLINE = (
    *LIBRARIES,
    *("accelerate", "datasets", "lm_eval.evaluator", "lm_eval.models.huggingface", "peft"),
    *(f"transformers.models.auto.{name}_auto" for name in ("modeling", "tokenization")),
    *(f"transformers.models.{name}.modeling_{name}" for name in ("bert", "llama")),
    "trl.trainer.dpo_trainer",
)
QUIET = {
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_VERBOSITY": "error",
    "TQDM_DISABLE": "1",
}


class Server:
    """Forks for each command."""

    def __init__(self, libraries, born_with=()):
        # coverage begins in what is forked, if it is to
        kept = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_PROCESS")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, __file__, *libraries]
        self._process = subprocess.Popen(
            command, **pipes, text=True, env=kept | QUIET | dict(born_with)
        )
        self._one_at_a_time = threading.Lock()
        self._files = tempfile.TemporaryDirectory(prefix="udasa-test-processes-")

    def ask(self, **question):
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def folder(self):
        """A place for a process's output."""
        return Path(tempfile.mkdtemp(dir=self._files.name))

    def close(self):
        self._process.communicate()
        self._files.cleanup()


@cache
def server(libraries, born_with=()):
    """Start one, once."""
    started = Server(libraries, born_with)
    atexit.register(started.close)
    return started


class Process:
    """What ``subprocess.Popen`` would start, its output in files.

    Args:
        command: as for it; without the interpreter it would begin with: ``-m udasa_data ...``.
        env: the whole environment, if not ours.
        cwd: where it begins, if not here.
        libraries: those that it finds imported.
        born_with: (name, value) of the environment in which they were imported.
        out: the file, pipe or terminal for its standard output; None takes a file of its own.
    """

    def __init__(self, *command, env=None, cwd=None, libraries=OFFLINE, born_with=(), out=None):
        self._server = server(libraries, born_with)
        folder = self._server.folder()
        self._out, self._err = Path(out or folder / "stdout"), folder / "stderr"
        self.args = list(map(str, command))
        self.returncode = None
        self.pid = self._server.ask(
            command=self.args,
            env=dict(os.environ if env is None else env),
            cwd=str(cwd or Path.cwd()),
            out=str(self._out),
            err=str(self._err),
        )

    def poll(self):
        if self.returncode is None:
            self.returncode = self._server.ask(pid=self.pid)
        return self.returncode

    def wait(self, timeout=600.0):
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.005)
        return self.returncode

    def communicate(self, timeout=600.0):
        self.wait(timeout)
        files = [path for path in (self._out, self._err) if path.is_file()]
        texts = {path: path.read_text(errors="backslashreplace") for path in files}
        return texts.get(self._out, ""), texts[self._err]

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def run(*command, **options):
    """What ``subprocess.run`` would give."""
    process = Process(*command, **options)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def serve(libraries):
    """Answer questions until there are no more; in what is forked, return what it is to run."""
    for name in libraries:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        if "pid" in asked:
            pid, status = os.waitpid(asked["pid"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                return asked
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return None


def become(asked):
    """Be a process of its own, as if it had just begun."""
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, asked["out"], os.O_WRONLY | os.O_CREAT),
        (2, asked["err"], os.O_WRONLY | os.O_CREAT),
    ):
        file = os.open(path, flags)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    random.seed()
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        import coverage

        coverage.process_startup()
    kind, *rest = asked["command"]
    begin = "" if kind in {"-m", "-c"} else str(Path(kind).parent)
    sys.path[:0] = [begin, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = asked["command"]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    sys.path.pop(0)
    asked = serve(sys.argv[1:])
    if asked:
        become(asked)
