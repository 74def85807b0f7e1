"""The second step: prompts → samples, K answers each, one shard at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.engines import Completion, Engine, PolicyPrompt, SetAside
from udasa_data.schema import DROPPED, SAMPLES, Mode, Why

# Sample k of a prompt has seed + k: seeds of two prompts must lie further apart than any K.
SEED_STRIDE: Final = 1024


class Sampled(NamedTuple):
    """The samples of a shard, and the prompts and samples of it that were set aside."""

    samples: pl.DataFrame
    dropped: pl.DataFrame


def sample_shard(
    prompts: pl.DataFrame, engine: Engine, config: BuildConfig, on_prompts: Callable[[int], None]
) -> Sampled:
    """Draw the answers to a shard of prompts.

    Args:
        prompts: rows of the prompts table.
        engine: what draws.
        config: of the build; its seed, system prompt and sampling are used.
        on_prompts: told how many prompts were just finished.

    Returns:
        samples sorted by prompt (in the order of ``prompts``) and ``sample_id``. Empty answers
        are rows like any other, and named in ``dropped``.
    """
    asked = [policy_prompt(row, config) for row in prompts.iter_rows(named=True)]
    answers: dict[int, list[Completion] | SetAside] = dict(
        engine.sample(asked, config.sampling, on_prompts)
    )
    samples: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for index, prompt_id in enumerate(prompts["prompt_id"]):
        answer = answers[index]
        if isinstance(answer, SetAside):
            dropped.append(_set_aside(prompt_id, answer))
            continue
        samples += [_sample(prompt_id, number, one) for number, one in enumerate(answer)]
        dropped += [
            {
                "prompt_id": prompt_id,
                "sample_id": n,
                "what": "sample",
                "why": Why.EMPTY_SAMPLE.value,
            }
            for n, one in enumerate(answer)
            if not one.text
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


def _sample(prompt_id: str, number: int, one: Completion) -> dict[str, Any]:
    return {
        "prompt_id": prompt_id,
        "sample_id": number,
        "text": one.text,
        "n_tokens": one.n_tokens,
        "sum_logprob": one.sum_logprob,
        "mean_logprob": one.sum_logprob / max(one.n_tokens, 1),
        "finish_reason": one.finish_reason,
        "seed": one.seed,
    }


def _set_aside(prompt_id: str, reason: SetAside) -> dict[str, Any]:
    return {
        "prompt_id": prompt_id,
        "what": "prompt",
        "why": reason.why.value,
        "value": reason.n_tokens,
        "limit": reason.limit,
        "detail": reason.detail,
    }
