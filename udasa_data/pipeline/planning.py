"""What a build will take, from a small build of the same kind: a measured pilot.

The pilot is a real build of a few of the prompts, in a folder of its own that is thrown away. What
it took a prompt is multiplied by the prompts there are; the spread between its prompts gives the
interval.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl

from udasa_data.config import BATCH_ON_GPU, BuildConfig
from udasa_data.errors import UserError
from udasa_data.pipeline.building import build
from udasa_data.pipeline.executors.beside import scores_beside
from udasa_data.pipeline.executors.local import LocalExecutor
from udasa_data.pipeline.preparation import Prepared
from udasa_data.pipeline.results import BuildResult
from udasa_data.preflight import Interval, Prices, exactly, money_of, seconds_of, total_of
from udasa_data.progress import Progress
from udasa_data.runs import Run, ShardFacts
from udasa_data.schema import SAMPLES, empty
from udasa_data.storage import cached_folder, parameters_in

PILOT: Final = 16  # prompts
# Calibration, pairs and stages of a million prompts with 8 answers each: benchmarks/pairing.py
PAIRING_SECONDS: Final = 30e-6 / 8  # a sample


class GpuMemory(NamedTuple):
    """Gigabytes that the policy needs on a GPU: computed from its shape, or seen in the pilot."""

    weights: float
    cache: float  # keys and values of the largest batch
    seen: float | None  # peak of the pilot on a GPU


@dataclass(frozen=True)
class Plan:
    """What a build will take.

    Attributes:
        prompts: how many there are.
        pilot: how many of them were tried.
        output_tokens: written by the policy.
        input_tokens: read by it; K answers share one reading.
        seconds: step → wall time on this machine, loading included.
        disk: bytes of the run directory.
        gpu: of the policy; None where its shape does not say.
        money: in the currency of the prices; None without prices.
        pilot_seconds: what the pilot itself took.
        notes: what a reader should know, one line each.
    """

    prompts: int
    pilot: int
    output_tokens: Interval
    input_tokens: Interval
    seconds: dict[str, Interval]
    disk: Interval
    gpu: GpuMemory | None
    money: Interval | None
    pilot_seconds: float
    notes: tuple[str, ...]


class _Whole(Prepared):
    """The whole build, which has no place yet."""

    def _folder(self) -> Path | None:
        return None


def plan(
    config: BuildConfig,
    pilot: int = PILOT,
    prices: Prices | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Run a pilot and project what the whole build will take on this machine.

    Args:
        config: of the build.
        pilot: how many prompts are tried, at least 4.
        prices: what things cost.
        progress: shows how the pilot goes.

    Raises:
        UserError: as :func:`udasa_data.pipeline.building`; or no pilot prompt could be answered.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        loaded = _Whole(config, Run(place / "whole")).loaded
        prompts = loaded.prompts
        tried = msgspec.structs.replace(config, limit=min(pilot, len(prompts)))
        # a score cache of its own: scores known already would make the build look quick
        executor = LocalExecutor(cache=place / "scores.sqlite", beside=False)
        result = build(tried, place / "pilot", progress, executor)
        planned = _project(config, prompts, result, Run(place / "pilot"), prices or Prices())
        notes = (*(reason.in_words for reason in loaded.left_out), *planned.notes)
        return replace(planned, notes=tuple(dict.fromkeys((*notes, *loaded.notes))))


class _Sizes(NamedTuple):
    """Prompts that there are and that were tried; tokens that the policy writes and reads."""

    n: int
    n_pilot: int
    written: Interval
    read: Interval


def _project(
    config: BuildConfig, prompts: pl.DataFrame, result: BuildResult, run: Run, prices: Prices
) -> Plan:
    prepared = Prepared(msgspec.structs.replace(config, limit=result.summary.counts.prompts), run)
    sizes = _sizes(prompts, prepared)
    n, n_pilot, tokens, read = sizes
    seconds = {
        step: _seconds(shards.facts(), n, n_pilot, tokens.spread)
        for step, shards in prepared.shards.items()
    }
    steps = seconds["samples"], seconds["scores"]
    pairing = PAIRING_SECONDS * config.sampling.samples * (n - n_pilot)
    seconds["dataset"] = exactly(result.summary.steps["dataset"].seconds + pairing)
    beside = scores_beside(config)
    total = (max(steps) if beside else steps[0].plus(steps[1])).plus(seconds["dataset"])
    policy = prepared.models[config.policy.id]
    folder = cached_folder(policy.load_from, policy.commit) if policy.commit else policy.load_from
    return Plan(
        n,
        n_pilot,
        tokens,
        read,
        seconds,
        _disk(run, config, n, n_pilot, tokens.spread),
        gpu_memory(Path(folder), config) if folder else None,
        money_of(prices, total, read, tokens),
        sum(step.seconds for step in result.summary.steps.values()),
        (*result.summary.notes, *_notes(config, n_pilot, beside=beside)),
    )


def _sizes(prompts: pl.DataFrame, prepared: Prepared) -> _Sizes:
    """Return how much there is to do, by what the pilot's answers took.

    Raises:
        UserError: fewer than two prompts of the pilot were answered.
    """
    samples, _ = prepared.shards["samples"].read_all()
    if samples["prompt_id"].n_unique() < 2:
        raise UserError(
            f"{len(samples)} answers came out of the pilot: its prompts are too few, or too long "
            "for the model; give a larger --pilot"
        )
    n, n_pilot = len(prompts), len(prepared.loaded.prompts)
    said = pl.col("reasoning").fill_null("").str.len_chars() + pl.col("text").str.len_chars()
    per_prompt = samples.group_by("prompt_id", maintain_order=True).agg(
        pl.col("n_tokens").sum(), said.sum().alias("chars")
    )
    answered = len(per_prompt) / n_pilot
    written = total_of(per_prompt["n_tokens"].to_list(), n * answered)
    chars_a_token = int(per_prompt["chars"].sum()) / max(int(per_prompt["n_tokens"].sum()), 1)
    length = prompts["messages"].list.eval(pl.element().struct.field("content").str.len_chars())
    read = total_of((length.list.sum() / max(chars_a_token, 1e-9)).to_list(), n)
    return _Sizes(n, n_pilot, written, read)


def _notes(config: BuildConfig, n_pilot: int, *, beside: bool) -> Iterator[str]:
    if beside:
        yield "answers are scored while the server gives others: the longer step counts"
    if n_pilot < config.shard_size:
        yield (
            f"the pilot of {n_pilot} prompts is smaller than a shard ({config.shard_size}): an "
            "engine that gains from large batches will be quicker; a larger --pilot comes closer"
        )


def _seconds(facts: Sequence[ShardFacts], n: int, n_pilot: int, spread: float) -> Interval:
    """Return a step's wall time: loading once, and work that grows with the prompts."""
    loading = sum(shard.loading for shard in facts)
    return seconds_of(loading, sum(shard.seconds for shard in facts) / n_pilot * n, spread)


def _disk(run: Run, config: BuildConfig, n: int, n_pilot: int, spread: float) -> Interval:
    """Return the bytes of a run: what rows take, and what a file takes that has none."""
    assert isinstance(run.root, Path)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        empty(SAMPLES).write_parquet(file.name)
        bare = Path(file.name).stat().st_size
    files = list(run.root.rglob("*.parquet"))
    rows = sum(max(0, path.stat().st_size - bare) for path in files) / n_pilot * n
    # a shard has four files: samples and scores, each with what it dropped
    fixed = bare * 4 * math.ceil(n / config.shard_size)
    return Interval(rows + fixed, rows * (1 - spread) + fixed, rows * (1 + spread) + fixed)


def gpu_memory(policy: Path, config: BuildConfig) -> GpuMemory | None:
    """Return the GPU memory of a policy in bfloat16, in GB (10⁹ bytes).

    weights = 2 bytes a parameter; cache = 2 (keys, values) · layers · key-value heads · head size ·
    2 bytes · ``batch_tokens``. The activations of a batch come on top; vLLM takes what is left of
    the card for its cache by itself.

    Args:
        policy: the folder of its files.
        config: of the build.
    """
    files = list(policy.glob("*.safetensors"))
    if not files:
        return None
    weights = sum(parameters_in(path).total() for path in files) * 2
    shape: dict[str, Any] = json.loads((policy / "config.json").read_text(encoding="utf-8"))
    try:
        heads = shape["num_attention_heads"]
        size = shape.get("head_dim") or shape["hidden_size"] // heads
        width = (shape.get("num_key_value_heads") or heads) * size
        cache = 2 * shape["num_hidden_layers"] * width * 2 * (config.batch_tokens or BATCH_ON_GPU)
    except KeyError:
        return None
    return GpuMemory(weights / 1e9, cache / 1e9, _seen_on_gpu())


def _seen_on_gpu() -> float | None:
    from udasa_data.scorers.models import peak_gpu_bytes

    seen = peak_gpu_bytes()
    return None if seen is None else seen / 1e9
