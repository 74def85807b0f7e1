"""What the transformers engine gains by one request of K answers, and by prompts of like length."""

from __future__ import annotations

import statistics
import time
from contextlib import closing
from typing import Any

import msgspec

from benchmarks.generation.rows import Row, row
from udasa_data.config.build import Sampling
from udasa_data.config.presets import resolve
from udasa_data.engines.protocol import PolicyPrompt
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.storage.model_files import locate


def one_request_against_many(flags: dict[str, Any], rounds: int) -> Row:
    """Time K answers of one request, which read the prompt once, against K requests of one."""
    config = resolve("tiny", flags)
    params = config.sampling
    single = msgspec.structs.replace(params, samples=1)
    text = "Here is a long question, of which much must be read before it is answered. " * 12
    prompts = [PolicyPrompt((("user", f"{text} {n}"),), raw=False, seed=n * 1024) for n in range(8)]
    repeated = [
        PolicyPrompt(prompt.turns, raw=False, seed=prompt.seed + k)
        for prompt in prompts
        for k in range(params.samples)
    ]
    with closing(TransformersEngine(locate(config.policy), config.batch_tokens)) as engine:
        times = in_turn(engine, (prompts, params), (repeated, single), rounds)
    sides = (f"n = {params.samples}", f"{params.samples} requests")
    return row("one_request_over_many_transformers", sides, times, "shown")


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
            [side[at : at + 4] for at in range(0, len(side), 4)] for side in (ordered, prompts)
        ]
        times = [[batched(engine, side, params) for side in batches] for _ in range(rounds + 1)][1:]
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
    first_side, second_side = zip(*times, strict=True)
    return statistics.median(first_side), statistics.median(second_side)
