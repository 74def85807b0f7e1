"""The judge behind a real server: vLLM's own, of its CPU build or a GPU's, while it is needed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final

_WINDOW: Final = 1024  # tokens of a question: two short answers and what is asked of them
_MEMORY: Final = 0.3  # of the machine's, or of the GPU's
_PATIENCE: Final = 900  # seconds; vLLM compiles before it serves
_TEMPLATE: Final = Path(__file__).with_name("judges.yaml")


class JudgeServer:
    """A context that serves a model, and gives the judges' file that names its address.

    Args:
        python: of the environment that vLLM is in.
        model: the judge's folder.
        out: where its log and the judges' file go.
    """

    def __init__(self, python: str, model: Path, out: Path) -> None:
        self._python = python
        self._model = model
        self._out = out
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Path:
        if not Path(self._python).exists():
            raise SystemExit(f"no vLLM at {self._python}: make setup-vllm, or --server-python")
        port = _port(self._out / "port")
        url = f"http://127.0.0.1:{port}"
        self._start(port)
        try:
            self._wait(f"{url}/health")
        except BaseException:
            self._stop()
            raise
        judges = self._out / "judges.yaml"
        text = _TEMPLATE.read_text(encoding="utf-8")
        judges.write_text(text.replace("BASE_URL", f"{url}/v1"), encoding="utf-8")
        return judges

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _start(self, port: int) -> None:
        command = [self._python, "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", str(self._model), "--served-model-name", "judge"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--enforce-eager"]
        command += ["--max-model-len", str(_WINDOW), "--generation-config", "vllm"]
        command += ["--gpu-memory-utilization", str(_MEMORY)]
        room = {"VLLM_CPU_KVCACHE_SPACE": os.environ.get("VLLM_CPU_KVCACHE_SPACE", "1")}  # GiB
        with (self._out / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env=os.environ | room
            )

    def _wait(self, health: str) -> None:
        assert self._process is not None
        until = time.monotonic() + _PATIENCE
        while not _answers(health):
            if self._process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the judge's server did not come up: {self._out / 'server.log'}")
            time.sleep(1)

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def _port(file: Path) -> int:
    """Return a free port: the same when the way is resumed, since judges are known by address."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists():
        return int(file.read_text(encoding="utf-8"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    file.write_text(str(port), encoding="utf-8")
    return port


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 (our own server)
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
