"""Drawing on a CPU: beside plain generate(), and while another process has a core.

The embedded policy, or another with ``--policy FOLDER``, answers the same prompts with the same
sampling: by the engine, by transformers' own generate(), and by the engine while a process works on
one core without a pause; there also with the number of threads fixed. Each side runs in a process
of its own, in turn, and the medians are compared.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import torch

from benchmarks.report import write_results
from benchmarks.subjects import in_own_process, parser
from udasa_data.config.build import ModelRef, Sampling
from udasa_data.engines.protocol import PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.storage import locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES: Final = 8
HEADER: Final = ("what", "tokens/s", "of", "ratio", "target")


def prompts(n: int) -> list[PolicyPrompt]:
    """Return ``n`` questions of unlike lengths."""
    asked = [f"What is known of the number {k}{', and why' * (k % 4)}?" for k in range(n)]
    return [PolicyPrompt((("user", text),), raw=False, seed=k) for k, text in enumerate(asked)]


def by_engine(policy: str, n: int, params: Sampling) -> float:
    """Return the tokens a second of the engine; a first prompt is not counted."""
    engine = TransformersEngine(locate(ModelRef(id=policy)))
    dict(engine.sample(prompts(1), params, lambda _: None))
    started = time.perf_counter()
    drawn = dict(engine.sample(prompts(n), params, lambda _: None))
    seconds = time.perf_counter() - started
    answers = [answer for of in drawn.values() if not isinstance(of, SetAside) for answer in of]
    return sum(answer.n_tokens for answer in answers) / seconds


def by_generate(policy: str, n: int, params: Sampling) -> float:
    """Return the tokens a second of ``generate()``, all prompts in one batch; ends are counted."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = locate(ModelRef(id=policy)).load_from
    tokenizer: Any = AutoTokenizer.from_pretrained(place, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model: Any = AutoModelForCausalLM.from_pretrained(place).eval()

    def drawn(asked: list[PolicyPrompt]) -> int:
        inputs = tokenizer.apply_chat_template(
            [prompt.messages for prompt in asked],
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        )
        found = model.generate(
            **inputs,
            do_sample=True,
            temperature=params.temperature,
            top_p=params.top_p,
            top_k=0,
            max_new_tokens=params.max_tokens,
            num_return_sequences=SAMPLES,
            pad_token_id=tokenizer.pad_token_id,
        )
        said = found[:, inputs["input_ids"].shape[1] :]
        ends = (said == tokenizer.eos_token_id).cumsum(1)
        return int((ends - (said == tokenizer.eos_token_id).long() == 0).sum())

    torch.manual_seed(0)
    drawn(prompts(1))
    started = time.perf_counter()
    return drawn(prompts(n)) / (time.perf_counter() - started)


@contextmanager
def busy_core() -> Iterator[None]:
    """Have another process work on one core without a pause."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(other.pid, {max(os.sched_getaffinity(0))})
    time.sleep(1.0)
    try:
        yield
    finally:
        other.kill()
        other.wait()


def rate(side: str, given: Namespace, **variables: str) -> float:
    """Return the tokens a second of a side, in a process of its own."""
    options = ["--policy", given.policy, "--prompts", str(given.prompts)]
    options += ["--max-tokens", str(given.max_tokens)]
    printed = in_own_process("busy_cores", "--side", side, *options, **variables)
    return float(json.loads(printed.splitlines()[-1]))


def main() -> None:
    """Measure all sides in turn, print the table."""
    options = parser("busy_cores")
    options.add_argument("--policy", default="embedded:lm", help="folder or Hub id")
    options.add_argument("--prompts", type=int, default=8, help=f"of {SAMPLES} answers each")
    options.add_argument("--max-tokens", type=int, default=64)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--side", choices=("engine", "generate"), help="only that, print JSON")
    given = options.parse_args()
    params = Sampling(samples=SAMPLES, temperature=0.7, top_p=0.95, max_tokens=given.max_tokens)
    if given.side:
        measure = by_engine if given.side == "engine" else by_generate
        print(json.dumps(measure(given.policy, given.prompts, params)))
        return
    fixed = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    sides: dict[str, tuple[str, Callable[[], AbstractContextManager[None]], dict[str, str]]] = {
        "engine": ("engine", nullcontext, {}),
        "generate": ("generate", nullcontext, {}),
        "engine, one core busy": ("engine", busy_core, {}),
        "engine, one core busy, threads fixed": ("engine", busy_core, fixed),
    }
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(given.rounds):
        for name, (side, load, variables) in sides.items():
            with load():
                found[name].append(rate(side, given, **variables))
    _write({name: statistics.median(rates) for name, rates in found.items()})


def _write(rates: dict[str, float]) -> None:
    over_generate = rates["engine"] / rates["generate"]
    busy = rates["engine, one core busy"] / rates["engine"]
    fixed = rates["engine, one core busy, threads fixed"] / rates["engine"]
    compared = {
        "engine": ("generate", over_generate, "≥ 1.5"),
        "engine, one core busy": ("engine", busy, "≥ 0.45"),
        "engine, one core busy, threads fixed": ("engine", fixed, "shown"),
    }
    rows = []
    for name, per_second in rates.items():
        of, ratio, target = compared.get(name, ("", float("nan"), ""))
        rows.append((name, f"{per_second:.0f}", of, f"{ratio:.2f}" if of else "", target))
    ratios = {
        "engine_over_generate": over_generate,
        "one_core_busy_over_quiet": busy,
        "one_core_busy_threads_fixed_over_quiet": fixed,
    }
    write_results("busy_cores", HEADER, rows, ratios)


if __name__ == "__main__":
    main()
