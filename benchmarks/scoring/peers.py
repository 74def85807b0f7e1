"""A peer in a virtual environment of its own, as a process that answers one job at a time."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import venv
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.paths import ROOT
from benchmarks.subjects import environment

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}


def interpreter(requirement: str) -> Path:
    """Return the Python of a virtual environment that holds a peer; make it the first time.

    torch and transformers are the ones that run this benchmark: a .pth file shares them, so both
    sides compute with the same libraries. The peer itself is installed without its dependencies.

    Raises:
        SystemExit: the peer cannot be installed.
    """
    folder = ROOT / "build" / f"venv-bench-{requirement}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        own = next(folder.glob("lib/python*/site-packages"))
        (own / "shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", requirement]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(f"not run: the peer {requirement} cannot be installed")
        ready.touch()
    return python


class Peer:
    """A worker script in a peer's environment: a job's JSON line in, a reply's JSON line out."""

    def __init__(self, requirement: str, script: str, model: Path) -> None:
        command = [str(interpreter(requirement)), str(Path(__file__).parent / script), str(model)]
        self._script = script
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment() | QUIET,
        )

    def ask(self, job: Any) -> Any:
        """Return the reply to a job: ``seconds`` and what was computed."""
        jobs, replies = self._process.stdin, self._process.stdout
        assert jobs is not None
        assert replies is not None
        jobs.write(json.dumps(job) + "\n")
        jobs.flush()
        line = replies.readline()
        if not line:
            raise SystemExit(f"{self._script} ended without a reply; see above")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            end.close()
        self._process.wait()
