"""In an environment of its own: the sampling step of a build, and a bare loop over its engine.

python step_and_loop.py JOB.json; prints a line of JSON: seconds of each, by turns, and tokens.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from udasa_data.config import EngineName
from udasa_data.config.build import BuildConfig, Sampling
from udasa_data.config.presets import resolve
from udasa_data.engines.loading import load_engine
from udasa_data.engines.protocol import Engine, PolicyPrompt, SetAside
from udasa_data.pipeline.preparation import Prepared
from udasa_data.progress import Silent
from udasa_data.runs.store import Run
from udasa_data.sampling.shard import policy_prompt, sample_shards
from udasa_data.sampling.spending import Spending


class Drawn(NamedTuple):
    """The tokens that a side drew, and its wall time."""

    seconds: float
    tokens: int


def shards_of(prepared: Prepared) -> Iterator[tuple[int, pl.DataFrame]]:
    """Return the shards of prompts, numbered."""
    numbers = range(prepared.shards["samples"].count)
    return ((number, prepared.shard_of_prompts(number)) for number in numbers)


def step(config: BuildConfig, engine: Engine) -> Drawn:
    """Run the sampling step as a build does: rows made, shards written, manifest kept."""
    tokens = 0
    with tempfile.TemporaryDirectory() as folder:
        prepared = Prepared(config, Run(Path(folder)))
        with prepared.run.locked():
            prepared.record()
            started = time.perf_counter()
            spending = Spending(prepared.run, None, Silent(), len(prepared.loaded.prompts))
            made = sample_shards(shards_of(prepared), engine, config, spending.on_prompts)
            for number, sampled in made:
                prepared.shards["samples"].write(number, sampled.samples, sampled.dropped)
                prepared.run.save_manifest(shard=number)
                tokens += int(sampled.samples["n_tokens"].sum())
            seconds = time.perf_counter() - started
    return Drawn(seconds, tokens)


def loop(shards: list[list[PolicyPrompt]], params: Sampling, engine: Engine) -> Drawn:
    """Draw the same answers, and do nothing else; in one go, where the engine takes a stream."""
    started = time.perf_counter()
    tokens = 0
    calls = [[prompt for shard in shards for prompt in shard]] if engine.streams else shards
    for prompts in calls:
        for _, answers in engine.sample(prompts, params, lambda _: None):
            if not isinstance(answers, SetAside):
                tokens += sum(answer.n_tokens for answer in answers)
    return Drawn(time.perf_counter() - started, tokens)


def main() -> None:
    """Print the times of both sides, in turn."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    config = resolve("tiny", job["flags"])
    with tempfile.TemporaryDirectory() as folder:
        prepared = Prepared(config, Run(Path(folder)))
    rows = [shard.iter_rows(named=True) for _, shard in shards_of(prepared)]
    shards = [[policy_prompt(row, config) for row in shard] for shard in rows]
    policy = prepared.models[config.policy.id]
    resolved = msgspec.structs.replace(config, engine=msgspec.convert(prepared.engine, EngineName))
    with closing(load_engine(resolved, policy)) as engine:
        loop(shards[:1], config.sampling, engine)  # warms up
        turns = [
            (step(config, engine), loop(shards, config.sampling, engine))
            for _ in range(job["rounds"])
        ]
    by_step, by_loop = zip(*turns, strict=True)
    print(json.dumps({"step": by_step, "loop": by_loop}))


if __name__ == "__main__":
    main()
