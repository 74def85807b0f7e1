"""What drawing answers costs beyond the engine, and against distilabel 1.5.3.

python benchmarks/generation.py [--prompts N] [--rounds N]

Embedded policy, 8 answers of up to 64 tokens to embedded prompts, on a CPU. Two sides take turns in
one process, so that a change in the machine's speed meets both; medians are told. vLLM runs where
`make setup-vllm` has put it; distilabel in an environment that is made here, with what it asks for.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "generation_parts"))

import msgspec
from report import write_results

from udasa_data.config.build import Sampling
from udasa_data.config.presets import resolve
from udasa_data.engines.protocol import PolicyPrompt
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.storage.model_files import locate

ROOT: Final = Path(__file__).parents[1]
PARTS: Final = Path(__file__).parent / "generation_parts"
VLLM: Final = ROOT / ".venv-vllm" / "bin" / "python"
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
HEADER: Final = ("what", "one side", "seconds", "other side", "its seconds", "ratio", "target")
ENVIRONMENT: Final = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}


class Row(NamedTuple):
    """A line of the table, with the ratio that it ends in; None where there is none."""

    name: str
    cells: tuple[str, ...]
    ratio: float | None


def row(name: str, sides: tuple[str, str], seconds: tuple[float, float], target: str) -> Row:
    """Return a line: the ratio is the first side's time over the second's."""
    ratio = seconds[0] / seconds[1]
    print(f"{name}: {ratio:.3f}", file=sys.stderr, flush=True)
    cells = (name, sides[0], f"{seconds[0]:.2f}", sides[1], f"{seconds[1]:.2f}", f"{ratio:.3f}")
    return Row(name, (*cells, target), ratio)


def not_run(name: str, why: str) -> Row:
    """Return a line that says why there is no figure."""
    print(f"{name}: not run: {why}", file=sys.stderr, flush=True)
    return Row(name, (name, "not run", "", why, "", "", ""), None)


def in_a_file(job: dict[str, Any]) -> Path:
    """Write a job for a process; it lies in the temporary folder."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(job, file)
    return Path(file.name)


def step_against_loop(python: Path, engine: str, flags: dict[str, Any], rounds: int) -> Row:
    """Time a build's sampling step against a bare loop over the same engine and prompts."""
    job = in_a_file({"flags": {**flags, "engine": engine}, "rounds": rounds})
    done = subprocess.run(
        [str(python), str(PARTS / "step_and_loop.py"), str(job)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    step, loop = (statistics.median(s for s, _ in found[side]) for side in ("step", "loop"))
    tokens = found["loop"][0][1]
    print(f"{engine}: {tokens / loop:,.0f} tokens/s, bare", file=sys.stderr)
    return row(f"step_over_loop_{engine}", ("step", "loop"), (step, loop), "≤ 1.05")


def one_request_against_many(flags: dict[str, Any], rounds: int) -> Row:
    """Time K answers of one request, which read the prompt once, against K requests of one."""
    config = resolve("tiny", flags)
    params = config.sampling
    one = msgspec.structs.replace(params, samples=1)
    text = "Here is a long question, of which much must be read before it is answered. " * 12
    prompts = [PolicyPrompt((("user", f"{text} {n}"),), raw=False, seed=n * 1024) for n in range(8)]
    alone = [
        PolicyPrompt(prompt.turns, raw=False, seed=prompt.seed + k)
        for prompt in prompts
        for k in range(params.samples)
    ]
    with closing(TransformersEngine(locate(config.policy), config.batch_tokens)) as engine:
        shared, repeated = in_turn(engine, (prompts, params), (alone, one), rounds)
    sides = (f"n = {params.samples}", f"{params.samples} requests")
    return row("one_request_over_many_transformers", sides, (shared, repeated), "shown")


def sorted_against_unsorted(flags: dict[str, Any], rounds: int) -> Row:
    """Time batches of prompts of like length against batches as they come, equally many of each."""
    config = resolve("tiny", flags)
    params = msgspec.structs.replace(config.sampling, max_tokens=32)
    sizes = [2, 60, 8, 40, 1, 50, 4, 30, 55, 3, 45, 6, 35, 2, 58, 5]
    prompts = [
        PolicyPrompt((("user", "What is good about rice? " * n),), raw=False, seed=at * 1024)
        for at, n in enumerate(sizes)
    ]
    ordered = sorted(prompts, key=lambda prompt: len(prompt.turns[0][1]))
    with closing(TransformersEngine(locate(config.policy), 2**20)) as engine:
        batches = [
            [some[at : at + 4] for at in range(0, len(some), 4)] for some in (ordered, prompts)
        ]
        times = [[batched(engine, one, params) for one in batches] for _ in range(rounds + 1)][1:]
    by_length, as_come = (statistics.median(side) for side in zip(*times, strict=True))
    sides = ("sorted", "unsorted")
    return row("sorted_over_unsorted", sides, (by_length, as_come), "shown")


def batched(
    engine: TransformersEngine, batches: list[list[PolicyPrompt]], params: Sampling
) -> float:
    """Return the seconds that batches take, each a call."""
    started = time.perf_counter()
    for batch in batches:
        list(engine.sample(batch, params, lambda _: None))
    return time.perf_counter() - started


def in_turn(
    engine: TransformersEngine,
    first: tuple[list[PolicyPrompt], Sampling],
    second: tuple[list[PolicyPrompt], Sampling],
    rounds: int,
) -> tuple[float, float]:
    """Return the median seconds of two ways to draw, run in turn, after a round to warm up."""
    times = [
        [batched(engine, [prompts], params) for prompts, params in (first, second)]
        for _ in range(rounds + 1)
    ][1:]
    one, other = (statistics.median(side) for side in zip(*times, strict=True))
    return one, other


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
    job = in_a_file(
        {
            "flags": {**flags, "engine": "transformers"},
            "model": str(for_transformers_4(Path(locate(config.policy).load_from))),
            "texts": texts(flags),
            "batch": max(1, config.batch_tokens // (config.sampling.samples * 128)),
        }
    )
    sides = [
        [sys.executable, str(PARTS / "end_to_end.py"), str(job)],
        [str(python), str(PARTS / "distilabel_run.py"), str(job)],
    ]
    times: list[list[float]] = []
    for _ in range(rounds):
        took = []
        for command in sides:
            started = time.perf_counter()
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=ENVIRONMENT
            )
            took.append(time.perf_counter() - started)
            if done.returncode:
                last = [line for line in done.stderr.splitlines() if line.strip()][-1]
                print(done.stderr[-6000:], file=sys.stderr)
                return not_run(name, f"{Path(command[1]).name}: {last}")
        times.append(took)
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
    from udasa_data.pipeline.preparation import Prepared
    from udasa_data.runs.store import Run

    with tempfile.TemporaryDirectory() as folder:
        prepared = Prepared(resolve("tiny", flags), Run(Path(folder)))
    return [messages[-1]["content"] for messages in prepared.loaded.prompts["messages"]]


def main() -> None:
    """Print the table and the ratios."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--prompts", type=int, default=32)
    options.add_argument("--rounds", type=int, default=3, help="times that each side is run")
    given = options.parse_args()
    sampling = {"samples": 8, "max_tokens": 64, "top_p": 1.0}
    flags = {"prompts": ["tiny"], "limit": given.prompts, "sampling": sampling}
    flags |= {"vllm": {"max_model_len": 512}}
    rows = [step_against_loop(Path(sys.executable), "transformers", flags, given.rounds)]
    if VLLM.exists():
        rows.append(step_against_loop(VLLM, "vllm", flags, given.rounds))
    else:
        rows.append(not_run("step_over_loop_vllm", "no .venv-vllm; make setup-vllm"))
    rows += [
        one_request_against_many(flags, given.rounds),
        sorted_against_unsorted(flags, given.rounds),
        against_distilabel(flags, given.rounds),
    ]
    ratios = {one.name: one.ratio for one in rows if one.ratio is not None}
    write_results("generation", HEADER, [one.cells for one in rows], ratios)


if __name__ == "__main__":
    main()
