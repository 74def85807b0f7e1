"""The second step: prompts → samples, K answers each, a shard at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.engines import Completion, Engine, PolicyPrompt, SetAside
from udasa_data.prompts import shows_nothing
from udasa_data.schema import DROPPED, SAMPLES, Mode, Why

# Sample k of a prompt has seed + k: seeds of two prompts must lie further apart than any K.
SEED_STRIDE: Final = 1024


class _Begun(NamedTuple):
    """A shard whose answers are coming in."""

    number: int
    prompts: pl.DataFrame
    first: int  # number of its first prompt, of all that were handed over
    answers: dict[int, list[Completion] | SetAside]


class Sampled(NamedTuple):
    """The samples of a shard, and the prompts and samples of it that were set aside."""

    samples: pl.DataFrame
    dropped: pl.DataFrame


def sample_shards(
    shards: Iterable[tuple[int, pl.DataFrame]],
    engine: Engine,
    config: BuildConfig,
    on_prompts: Callable[[int], None],
) -> Iterator[tuple[int, Sampled]]:
    """Draw the answers to many shards; yield each as it is complete.

    An engine that streams is given the next shard's prompts while answers to this one's are still
    being drawn: a slow prompt holds back its own shard, and no other.

    Args:
        shards: number and prompts of each; read only as the engine has room for more.
        engine: what draws.
        config: of the build; its seed, system prompt and sampling are used.
        on_prompts: called with how many prompts were just finished.
    """
    if not engine.streams:
        for number, prompts in shards:
            yield number, sample_shard(prompts, engine, config, on_prompts)
        return
    shard_of: dict[int, _Begun] = {}  # by number of a prompt that was handed over

    def policy_prompts() -> Iterator[PolicyPrompt]:
        first = 0
        for number, prompts in shards:
            shard = _Begun(number, prompts, first, {})
            shard_of.update((first + n, shard) for n in range(len(prompts)))
            first += len(prompts)
            yield from (policy_prompt(row, config) for row in prompts.iter_rows(named=True))

    for index, answer in engine.sample(policy_prompts(), config.sampling, on_prompts):
        shard = shard_of.pop(index)
        shard.answers[index - shard.first] = answer
        if len(shard.answers) == len(shard.prompts):
            yield shard.number, _sampled(shard.prompts["prompt_id"], shard.answers)


def sample_shard(
    prompts: pl.DataFrame, engine: Engine, config: BuildConfig, on_prompts: Callable[[int], None]
) -> Sampled:
    """Draw the answers to one shard of prompts; see :func:`sample_shards`.

    Returns:
        samples sorted by prompt (in the order of ``prompts``) and ``sample_id``. Empty answers
        are rows like any other, and named in ``dropped``.
    """
    policy_prompts = (policy_prompt(row, config) for row in prompts.iter_rows(named=True))
    answers = dict(engine.sample(policy_prompts, config.sampling, on_prompts))
    return _sampled(prompts["prompt_id"], answers)


def _sampled(
    prompt_ids: Iterable[str], answers: Mapping[int, list[Completion] | SetAside]
) -> Sampled:
    samples: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for index, prompt_id in enumerate(prompt_ids):
        answer = answers[index]
        if isinstance(answer, SetAside):
            dropped.append(_set_aside(prompt_id, answer))
            continue
        samples += [_sample(prompt_id, n, sample) for n, sample in enumerate(answer)]
        dropped += [
            {
                "prompt_id": prompt_id,
                "sample_id": n,
                "what": "sample",
                "why": (Why.CONTENT_FILTER if _is_filtered(sample) else Why.EMPTY_SAMPLE).value,
                "detail": sample.text or None,
            }
            for n, sample in enumerate(answer)
            if _is_filtered(sample) or shows_nothing(sample.text)
        ]
    return Sampled(
        pl.DataFrame(samples, schema=SAMPLES, orient="row"),
        pl.DataFrame(dropped, schema=DROPPED, orient="row"),
    )


def policy_prompt(row: dict[str, Any], config: BuildConfig) -> PolicyPrompt:
    """Return a row of the prompts table as the policy is to see it."""
    turns = [(turn["role"], turn["content"]) for turn in row["messages"]]
    raw = row["mode"] == Mode.COMPLETION
    if config.system_prompt and not raw and turns[0][0] != "system":
        turns = [("system", config.system_prompt), *turns]
    return PolicyPrompt(tuple(turns), raw, seed_of(config.seed, row["prompt_id"]))


def seed_of(seed: int, prompt_id: str) -> int:
    """Return the seed of a prompt's first sample: of its own, and a multiple of 1024."""
    digest = hashlib.sha256(f"{seed}:{prompt_id}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") % 2**52) * SEED_STRIDE


def _sample(prompt_id: str, number: int, answer: Completion) -> dict[str, Any]:
    total = answer.sum_logprob
    return {
        "prompt_id": prompt_id,
        "sample_id": number,
        # what a filter cut is no answer of the policy: its text stands in ``dropped`` alone
        "text": "" if _is_filtered(answer) or shows_nothing(answer.text) else answer.text,
        "n_tokens": answer.n_tokens,
        "sum_logprob": total,
        "mean_logprob": None if total is None else total / max(answer.n_tokens, 1),
        "finish_reason": answer.finish_reason,
        "seed": answer.seed,
    }


def _is_filtered(answer: Completion) -> bool:
    return answer.finish_reason == "content_filter"


def _set_aside(prompt_id: str, reason: SetAside) -> dict[str, Any]:
    return {
        "prompt_id": prompt_id,
        "what": "prompt",
        "why": reason.why.value,
        "value": reason.n_tokens,
        "limit": reason.limit,
        "detail": reason.detail,
    }
