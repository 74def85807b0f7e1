"""Scoring beside sampling: the wall time of a build from a server, against the longer of its steps.

A local server answers at a fixed rate, whatever is in flight: at the rate at which this machine
scores, so that both steps take as long, which is the worst case. Each run has a score cache of its
own. The rows of the two ways are compared, and must be the same.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import polars as pl

from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_data.config.build import BuildConfig
from udasa_data.config.presets import resolve
from udasa_data.pipeline.executors.local import LocalExecutor
from udasa_data.pipeline.preparation import Prepared
from udasa_data.progress import Silent
from udasa_data.runs.store import Run

BOUND: Final = 1.1  # times the longer step
WORDS: Final = ("the", "water", "moon", "light", "is", "was", "warm", "cold", "good", "film")


class FixedRate:
    """A server that answers one prompt after the other, each in so many seconds."""

    def __init__(self, seconds: float, words: int) -> None:
        self.seconds, self.words = seconds, words
        self._turn = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.of = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return as many answers as are asked for, when it is their turn."""
        with self._turn:
            time.sleep(self.seconds)
        n = body.get("n", 1)
        asked = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        texts = [self._text(f"{asked} {k}") for k in range(n)]
        said = [{"text": text, "message": {"role": "assistant", "content": text}} for text in texts]
        choices = [of | {"index": k, "finish_reason": "stop"} for k, of in enumerate(said)]
        used = {"prompt_tokens": 10, "completion_tokens": n * self.words}
        return {"choices": choices, "usage": used}

    def _text(self, seed: str) -> str:
        words = random.Random(seed).choices(WORDS, k=self.words)  # noqa: S311 (no secret)
        return " ".join(words) + "."


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps(self.server.of.answer(body)).encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Made(NamedTuple):
    """What making all shards took, in seconds, and what they hold."""

    wall: float
    samples: float
    scores: float
    rows: dict[str, pl.DataFrame]


def made(config: BuildConfig, folder: Path, *, beside: bool) -> Made:
    """Sample and score in a folder of its own."""
    prepared = Prepared(config, Run(folder / "run"))
    started = time.perf_counter()
    LocalExecutor(cache=folder / "scores.sqlite", beside=beside).make_shards(prepared, Silent())
    wall = time.perf_counter() - started
    facts = {step: shards.facts() for step, shards in prepared.shards.items()}
    took = {
        step: sum(shard.seconds + shard.loading for shard in of_step)
        for step, of_step in facts.items()
    }
    rows = {step: shards.read_all()[0] for step, shards in prepared.shards.items()}
    return Made(wall, took["samples"], took["scores"], rows)


def main() -> None:
    """Measure both ways, print the table."""
    options = parser("overlap")
    options.add_argument("--prompts", type=int, default=96, help="of the embedded ones, up to 160")
    options.add_argument("--samples", type=int, default=4)
    options.add_argument("--words", type=int, default=12, help="of an answer")
    options.add_argument("--shard-size", type=int, default=4)
    given = options.parse_args()
    build = {"limit": given.prompts, "shard_size": given.shard_size, "engine": "openai"}
    runs: dict[str, Made] = {}
    with tempfile.TemporaryDirectory() as folder, FixedRate(0.0, given.words) as server:
        served = {"base_url": server.url, "in_flight": 8}
        sampling = {"samples": given.samples}
        config = resolve("some-model", {**build, "server": served, "sampling": sampling},
                         scorers="tiny")  # fmt: skip
        probe = made(config, Path(folder) / "probe", beside=False)
        server.seconds = probe.scores / given.prompts
        for name, beside in (("one after the other", False), ("beside", True)):
            runs[name] = made(config, Path(folder) / name.replace(" ", "-"), beside=beside)
    after, beside_ = runs.values()
    for step, rows in after.rows.items():
        if not rows.equals(beside_.rows[step], null_equal=True):
            raise SystemExit(f"{step}: not the same rows")
    longer = max(after.samples, after.scores)
    table = [
        (name, *(f"{seconds:.1f} s" for seconds in run[:3]), f"{run.wall / longer:.2f}")
        for name, run in runs.items()
    ]
    header = ("scores", "wall time", "sampling", "scoring", f"of the longer (at most {BOUND})")
    ratios = {
        "wall_of_the_longer_step": beside_.wall / longer,
        "one_after_the_other_of_the_longer_step": after.wall / longer,
    }
    write_results("overlap", header, table, ratios)


if __name__ == "__main__":
    main()
