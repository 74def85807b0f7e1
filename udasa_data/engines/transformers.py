"""The transformers engine: batched sampling on CPU or GPU, each answer from its own seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import signature
from pickle import UnpicklingError
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    DynamicCache,
    GenerationConfig,
    LogitsProcessorList,
)

from udasa_data.config import BATCH_ON_CPU, BATCH_ON_GPU, ReasoningTags, Sampling
from udasa_data.engines.attention import decode_in_groups
from udasa_data.engines.choices import Policy, sum_logprobs
from udasa_data.engines.devices import (
    best_device,
    give_back_memory,
    keep_freed_memory,
    policy_dtype,
)
from udasa_data.engines.drawing import Draw
from udasa_data.engines.policy_tokens import Drawn, PolicyTokens
from udasa_data.engines.protocol import Completion, Floats, PolicyPrompt, SetAside, greedy
from udasa_data.engines.reasoning import Thoughts
from udasa_data.engines.threads import Threads
from udasa_data.errors import UserError
from udasa_data.storage import Located, unloadable

_AT_A_TIME: Final = 8  # tokens, after which rows that have ended are let go


class _Encoded(NamedTuple):
    place: int
    ids: list[int]
    seed: int
    opened: ReasoningTags | None


class _Padded(NamedTuple):
    """Prompts of a batch on the device, [rows, width], padded on the left."""

    ids: torch.Tensor
    mask: torch.Tensor


class TransformersEngine:
    """Samples with ``transformers``.

    The draw of each token is by inversion, from a uniform number that depends on the answer's
    seed and the token's position alone: so an answer does not depend on what else is in the batch,
    but for rounding: to the last bit in float32, in bfloat16 where two tokens are as good as equal.
    """

    name = "transformers"
    streams = False

    def __init__(
        self,
        policy: Located,
        batch_tokens: int | None = None,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._device = best_device()
        self._tokens = PolicyTokens(policy, template_options=template_options)
        try:
            config = AutoConfig.from_pretrained(policy.load_from, **policy.load_kwargs)
            model = AutoModelForCausalLM.from_pretrained(
                policy.load_from,
                dtype=policy_dtype(self._device, config),
                **policy.weights_kwargs,
            )
        except (OSError, ValueError, KeyError, UnpicklingError, SafetensorError) as error:
            raise unloadable("model", policy, error) from error
        self._model: Any = model.eval().to(self._device)
        if self._device.type == "cpu":
            keep_freed_memory()
            decode_in_groups(self._model)
        self._threads = Threads(on_cpu=self._device.type == "cpu")
        # a recurrent state cannot be carried over to the samples as keys and values can
        self._shares_prefill = not self._model._is_stateful  # noqa: SLF001
        self._name = policy.name
        on_gpu = self._device.type == "cuda"
        self._batch_tokens = batch_tokens or (BATCH_ON_GPU if on_gpu else BATCH_ON_CPU)
        self._halved = False

    @property
    def notes(self) -> tuple[str, ...]:
        """See :class:`udasa_data.engines.protocol.Engine`."""
        if not self._halved:
            return self._tokens.notes
        note = f"out of memory: batches were halved to {self._batch_tokens:,} tokens"
        return (*self._tokens.notes, note)

    def close(self) -> None:
        """Free the model's memory."""
        self._model = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        elif self._device.type == "cpu":
            give_back_memory()
        self._threads.restore()

    def sample(
        self, prompts: Iterable[PolicyPrompt], params: Sampling, on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, list[Completion] | SetAside]]:
        """See :class:`~udasa_data.engines.protocol.Engine`; prompts of like length go together."""
        waiting: list[_Encoded] = []
        thoughts = Thoughts(params.reasoning)
        for index, prompt in enumerate(prompts):
            ids = self._tokens.fit(prompt, params.max_tokens)
            if isinstance(ids, SetAside):
                yield index, ids
                on_prompts(1)
            else:
                waiting.append(
                    _Encoded(index, ids, prompt.seed, self._tokens.opened(ids, thoughts))
                )
        waiting.sort(key=lambda prompt: (-len(prompt.ids), prompt.seed))
        drawn = 1 if params.temperature == 0 else params.samples
        while waiting:
            row_tokens = len(waiting[0].ids) + params.max_tokens
            size = max(1, self._batch_tokens // (drawn * row_tokens))
            batch, waiting = waiting[:size], waiting[size:]
            self._threads.adapt()
            answers = self._answer(batch, range(drawn), params)
            for encoded, of_prompt in zip(batch, answers, strict=True):
                if params.temperature == 0:
                    yield encoded.place, greedy(of_prompt[0], encoded.seed, params.samples)
                else:
                    yield encoded.place, of_prompt
            on_prompts(len(batch))

    def choice_logprobs(self, prompts: Sequence[PolicyPrompt], choices: Sequence[str]) -> Floats:
        """See :meth:`udasa_data.engines.protocol.Engine.choice_logprobs`."""
        encoded = [self._tokens.question(prompt, choices) for prompt in prompts]
        places = [place for place, question in enumerate(encoded) if question is not None]
        result = np.full((len(prompts), len(choices)), np.nan)
        if questions := [question for question in encoded if question is not None]:
            policy = Policy(self._model, self._device, self._name)
            self._threads.adapt()
            result[places] = sum_logprobs(policy, questions, self._batch_tokens)
        return result

    def _answer(
        self, batch: Sequence[_Encoded], samples: range, params: Sampling
    ) -> list[list[Completion]]:
        """Return the answers to each prompt; a batch that does not fit into memory is halved.

        Prompts are parted first, then the samples of one prompt. An answer depends on neither.
        """
        try:
            return self._generate(batch, samples, params)
        except (torch.OutOfMemoryError, MemoryError) as error:
            if len(batch) == len(samples) == 1:
                length = len(batch[0].ids) + params.max_tokens
                raise UserError(
                    f"model '{self._name}' has no memory for one answer of {length:,} tokens; free "
                    "memory, or ask for fewer (--max-tokens)"
                ) from error
        # out here, where the error holds no tensors any more
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        width = len(batch[0].ids) + params.max_tokens
        self._batch_tokens = max(1, len(batch) * len(samples) * width // 2)
        self._halved = True
        if len(batch) > 1:
            middle = len(batch) // 2
            parts = [self._answer(b, samples, params) for b in (batch[:middle], batch[middle:])]
            return [*parts[0], *parts[1]]
        middle = len(samples) // 2
        first, second = (
            self._answer(batch, half, params)[0] for half in (samples[:middle], samples[middle:])
        )
        return [[*first, *second]]

    @torch.inference_mode()
    def _generate(
        self, batch: Sequence[_Encoded], samples: range, params: Sampling
    ) -> list[list[Completion]]:
        k = len(samples)
        seeds = [prompt.seed + sample for prompt in batch for sample in samples]
        padded = self._pad([prompt.ids for prompt in batch])
        draw = Draw(seeds, params, padded.ids.shape[1], self._device)
        tokens = self._continued(padded, k, params.max_tokens, draw)
        asked = [prompt for prompt in batch for _ in samples]
        drawn = self._drawn(tokens.cpu().numpy(), draw.logprobs(), seeds, asked)
        answers = self._tokens.read(drawn, Thoughts(params.reasoning))
        return [answers[row * k : (row + 1) * k] for row in range(len(batch))]

    def _continued(self, padded: _Padded, k: int, most: int, draw: Draw) -> torch.Tensor:
        """Return [rows · k, ``most``] tokens that follow each prompt, its end repeated.

        Every few tokens, the rows that have ended are let go: answers of unlike length would else
        all cost what the longest costs.
        """
        pad = self._tokens.ends[0] if self._tokens.ends else 0
        ends = torch.tensor(self._tokens.ends, dtype=torch.long, device=self._device)
        ids, mask = (table.repeat_interleave(k, dim=0) for table in padded)
        tokens = torch.full((len(ids), most), pad, device=self._device)
        rows, said = torch.arange(len(ids), device=self._device), 0
        cached = self._prefilled(padded, k)
        while said < most:
            width = ids.shape[1]
            output = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                **cached,
                generation_config=GenerationConfig(
                    max_new_tokens=min(_AT_A_TIME, most - said) if self._shares_prefill else most,
                    do_sample=False,
                    eos_token_id=self._tokens.ends or None,
                    pad_token_id=pad,
                    return_dict_in_generate=True,
                ),
                logits_processor=LogitsProcessorList([draw]),
            )
            new = output.sequences[:, width:]
            tokens[rows, said : said + new.shape[1]] = new
            said += new.shape[1]
            going_on = ~torch.isin(new, ends).any(dim=1)
            if not going_on.any():
                break
            draw.keep(going_on)
            rows, ids = rows[going_on], output.sequences[going_on]
            mask = torch.cat([mask, torch.ones_like(new)], dim=1)[going_on]
            cached = _kept_rows(output.past_key_values, going_on)
        return tokens

    def _pad(self, prompts: Sequence[list[int]]) -> _Padded:
        width = max(map(len, prompts))
        ids = torch.full((len(prompts), width), self._tokens.ends[0] if self._tokens.ends else 0)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        return _Padded(ids.to(self._device), mask.to(self._device))

    def _prefilled(self, padded: _Padded, k: int) -> dict[str, Any]:
        """Return the keys and values of all but each prompt's last token, read once for K samples.

        The last token is left to ``generate``, which needs one to continue from.
        """
        if k == 1 or padded.ids.shape[1] == 1 or not self._shares_prefill:
            return {}
        cache = DynamicCache(config=self._model.config)
        positions = (padded.mask.cumsum(-1) - 1).clamp(min=0)  # as ``generate`` counts them
        parameters = signature(self._model.forward).parameters
        optional = {"position_ids": positions[:, :-1], "logits_to_keep": 1}
        self._model(
            input_ids=padded.ids[:, :-1],
            attention_mask=padded.mask[:, :-1],
            past_key_values=cache,
            use_cache=True,
            **{name: value for name, value in optional.items() if name in parameters},
        )
        cache.batch_repeat_interleave(k)
        return {"past_key_values": cache}

    def _drawn(
        self,
        tokens: np.ndarray[Any, Any],
        logprobs: np.ndarray[Any, Any],
        seeds: list[int],
        asked: list[_Encoded],
    ) -> list[Drawn]:
        """Cut each row [T] of tokens at its end, and sum its log-probabilities to there."""
        ends = np.isin(tokens, self._tokens.ends)
        stopped: np.ndarray[Any, Any] = np.asarray(ends.any(axis=1))
        lengths = np.where(stopped, ends.argmax(axis=1) + 1, tokens.shape[1])
        return [
            Drawn(
                row[: n - stop],
                int(n),
                float(p[:n].sum()),
                "stop" if stop else "length",
                seed,
                prompt.opened,
                prompt.ids,
            )
            for row, n, stop, p, seed, prompt in zip(
                tokens, lengths, stopped, logprobs, seeds, asked, strict=True
            )
        ]


def _kept_rows(cache: Any, kept: torch.Tensor) -> dict[str, Any]:
    """Return the keys and values of some rows, as ``generate`` takes them; {} without a cache."""
    if cache is None:
        return {}
    if not kept.all():
        cache.batch_select_indices(kept.nonzero().squeeze(1))
    return {"past_key_values": cache}
