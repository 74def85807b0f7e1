"""The second step: prompts → samples, K answers each, a shard at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.engines import Completion, Engine, PolicyPrompt, SetAside
from udasa_data.prompts import shows_nothing
from udasa_data.schema import DROPPED, SAMPLES, Mode, Why

# Sample k of a prompt has seed + k: seeds of two prompts must lie further apart than any K.
SEED_STRIDE: Final = 1024


class Sampled(NamedTuple):
    """The samples of prompts, and the prompts and samples of theirs that were set aside."""

    samples: pl.DataFrame
    dropped: pl.DataFrame


class Keeping(NamedTuple):
    """How the answers to a shard are kept before it is whole.

    Attributes:
        write: is given the number of a shard, and what was drawn of it since the last time.
        every: seconds from one time to the next.
    """

    write: Callable[[int, Sampled], None]
    every: float


def sample_shards(
    shards: Iterable[tuple[int, pl.DataFrame]],
    engine: Engine,
    config: BuildConfig,
    on_prompts: Callable[[int], None],
    keeping: Keeping | None = None,
) -> Iterator[tuple[int, Sampled]]:
    """Draw the answers to many shards; yield each as it is complete.

    An engine that streams is given the next shard's prompts while answers to this one's are still
    being drawn: a slow prompt holds back its own shard, and no other.

    Args:
        shards: number and prompts of each; read only as the engine has room for more.
        engine: what draws.
        config: of the build; its seed, system prompt and sampling are used.
        on_prompts: called with how many prompts were just finished.
        keeping: what becomes of answers to a shard that takes long; None: nothing.

    Yields:
        the number of a shard, and its samples sorted by prompt (in the order of its prompts) and
        ``sample_id``. Empty answers are rows like any other, and named in ``dropped``.
    """
    streams = [shards] if engine.streams else ([shard] for shard in shards)
    for stream in streams:
        yield from _Stream(engine, config, on_prompts, keeping).sample(stream)


@dataclass
class _Begun:
    """A shard whose answers are coming in."""

    number: int
    prompt_ids: list[str]
    first: int  # number of its first prompt, of all that were handed over
    answers: dict[int, list[Completion] | SetAside] = field(default_factory=dict)
    kept: int = 0  # of the answers, in the order in which they came

    def sampled(self, places: Iterable[int]) -> Sampled:
        """Return what was drawn for some of the prompts."""
        return _sampled((self.prompt_ids[place], self.answers[place]) for place in places)


class _Stream:
    """The shards that an engine is given in one call."""

    def __init__(
        self,
        engine: Engine,
        config: BuildConfig,
        on_prompts: Callable[[int], None],
        keeping: Keeping | None,
    ) -> None:
        self._engine = engine
        self._config = config
        self._on_prompts = on_prompts
        self._keeping = keeping
        self._kept_at = time.monotonic()
        self._shard_of: dict[int, _Begun] = {}  # by number of a prompt that was handed over

    def sample(self, shards: Iterable[tuple[int, pl.DataFrame]]) -> Iterator[tuple[int, Sampled]]:
        """Yield each shard as it is complete."""
        prompts = self._policy_prompts(shards)
        for index, answer in self._engine.sample(prompts, self._config.sampling, self._settle):
            shard = self._shard_of.pop(index)
            shard.answers[index - shard.first] = answer
            if len(shard.answers) == len(shard.prompt_ids):
                yield shard.number, shard.sampled(range(len(shard.prompt_ids)))

    def _policy_prompts(self, shards: Iterable[tuple[int, pl.DataFrame]]) -> Iterator[PolicyPrompt]:
        first = 0
        for number, prompts in shards:
            shard = _Begun(number, prompts["prompt_id"].to_list(), first)
            self._shard_of.update((first + n, shard) for n in range(len(prompts)))
            first += len(prompts)
            yield from (policy_prompt(row, self._config) for row in prompts.iter_rows(named=True))

    def _settle(self, prompts: int) -> None:
        """Count finished prompts, and keep their answers where it is time to.

        Engines call this between two batches, never amid one: what is left of a shard when it is
        resumed falls into the same batches as if it had never ended, so answers are the same.
        """
        self._on_prompts(prompts)
        if self._keeping is None or time.monotonic() - self._kept_at < self._keeping.every:
            return
        for number, shard in {shard.number: shard for shard in self._shard_of.values()}.items():
            if new := list(shard.answers)[shard.kept :]:
                self._keeping.write(number, shard.sampled(new))
                shard.kept = len(shard.answers)
        self._kept_at = time.monotonic()


def _sampled(answers: Iterable[tuple[str, list[Completion] | SetAside]]) -> Sampled:
    samples: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for prompt_id, answer in answers:
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
        "reasoning": "" if _is_filtered(answer) else answer.reasoning,
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
