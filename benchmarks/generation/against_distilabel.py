"""Both from the start of a process to all answers, distilabel in an environment of its own."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any, Final

from benchmarks.generation.jobs import ENVIRONMENT, FOLDER, write_job
from benchmarks.generation.rows import Row, not_run, row
from benchmarks.paths import ROOT
from udasa_data.config import BATCH_ON_CPU
from udasa_data.config.presets import resolve
from udasa_data.pipeline.preparation import Prepared
from udasa_data.runs.store import Run
from udasa_data.storage.model_files import locate

# What its own requirements resolve to today does not import ("No module named 'requests'"), and its
# model class is of the time of transformers 4: these are the last versions with which it starts.
DISTILABEL: Final = (
    "distilabel[hf-transformers]==1.5.3",
    "requests",
    "protobuf",
    "transformers<5",
    "huggingface-hub<1",
    "datasets<4",
)


def distilabel_python() -> tuple[Path, str]:
    """Return the Python of distilabel's environment, and why it cannot be had, if so."""
    folder = ROOT / "build" / "venv-bench-distilabel-1.5.3"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        # torch first: the build for this machine
        for wanted in (("torch==2.13.0",), DISTILABEL):
            done = subprocess.run([*pip, *wanted], capture_output=True, text=True, check=False)
            if done.returncode:
                return python, f"pip install {wanted[0]}: {done.stderr.strip().splitlines()[-1]}"
        ready.touch()
    return python, ""


def against_distilabel(flags: dict[str, Any], rounds: int) -> Row:
    """Time both from the start of a process to all answers written or returned."""
    name = "ours_over_distilabel"
    python, problem = distilabel_python()
    if problem:
        return not_run(name, problem)
    config = resolve("tiny", flags)
    job = write_job(
        {
            "flags": {**flags, "engine": "transformers"},
            "model": str(for_transformers_4(Path(locate(config.policy).load_from))),
            "texts": texts(flags),
            "batch": max(
                1, (config.batch_tokens or BATCH_ON_CPU) // (config.sampling.samples * 128)
            ),
        }
    )
    sides = [
        [sys.executable, str(FOLDER / "end_to_end.py"), str(job)],
        [str(python), str(FOLDER / "distilabel_run.py"), str(job)],
    ]
    times: list[list[float]] = []
    for _ in range(rounds):
        seconds = []
        for command in sides:
            started = time.perf_counter()
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=ENVIRONMENT
            )
            seconds.append(time.perf_counter() - started)
            if done.returncode:
                last = [line for line in done.stderr.splitlines() if line.strip()][-1]
                print(done.stderr[-6000:], file=sys.stderr)
                return not_run(name, f"{Path(command[1]).name}: {last}")
        times.append(seconds)
    ours, theirs = (statistics.median(side) for side in zip(*times, strict=True))
    return row(name, ("ours", "distilabel 1.5.3"), (ours, theirs), "≤ 1")


def for_transformers_4(model: Path) -> Path:
    """Return a copy of a model whose tokenizer's settings have the names of transformers 4."""
    copy = Path(tempfile.mkdtemp(prefix="udasa-bench-")) / model.name
    shutil.copytree(model, copy)
    path = copy / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings["additional_special_tokens"] = settings.pop("extra_special_tokens")
    path.write_text(json.dumps(settings), encoding="utf-8")
    return copy


def texts(flags: dict[str, Any]) -> list[str]:
    """Return the prompts' texts as distilabel takes them: one user turn each."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = Prepared(resolve("tiny", flags), Run(Path(folder)))
    return [messages[-1]["content"] for messages in prepared.loaded.prompts["messages"]]
