"""The transformers engine: batched sampling on CPU or GPU, each answer from its own seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jinja2 import TemplateError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from udasa_data.config import Sampling
from udasa_data.engines import Completion, Floats, PolicyPrompt, SetAside
from udasa_data.engines.choices import Policy, Question, sum_logprobs
from udasa_data.errors import UserError
from udasa_data.model_files import Located
from udasa_data.schema import Why

# For a policy without a chat template of its own.
PLAIN_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'].capitalize() + ': ' + message['content'] "
    "+ '\n\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


_FEW: Final = 1024  # tokens


class _Encoded(NamedTuple):
    place: int
    ids: list[int]
    seed: int


class TransformersEngine:
    """Samples with ``transformers``.

    The draw of each token is by inversion, from a uniform number that depends on the answer's
    seed and the token's position alone: so an answer does not depend on what else is in the batch.
    """

    name = "transformers"

    def __init__(self, policy: Located, batch_tokens: int) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if self._device.type == "cuda" else torch.float32
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                policy.load_from, **policy.load_kwargs
            )
            model = AutoModelForCausalLM.from_pretrained(
                policy.load_from, dtype=dtype, use_safetensors=True, **policy.load_kwargs
            )
        except (OSError, ValueError, KeyError) as error:
            problem = str(error).strip().splitlines()[0]
            raise UserError(f"model '{policy.name}' cannot be loaded: {problem}") from error
        self._model: Any = model.eval().to(self._device)
        self._name = policy.name
        self._batch_tokens = batch_tokens
        self._eos = _end_tokens(self._model, self._tokenizer)
        notes = []
        if self._tokenizer.chat_template is None:
            self._tokenizer.chat_template = PLAIN_TEMPLATE
            notes.append(
                f"{policy.name} has no chat template: the plain one is used ('User: … Assistant:')"
            )
        self.notes: tuple[str, ...] = tuple(notes)

    def sample(
        self, prompts: Sequence[PolicyPrompt], params: Sampling, on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, list[Completion] | SetAside]]:
        """See :meth:`udasa_data.engines.Engine.sample`; prompts of like length go together."""
        window = getattr(self._model.config, "max_position_embeddings", None)
        fitting: list[_Encoded] = []
        for index, prompt in enumerate(prompts):
            try:
                ids = self._encode(prompt)
            except TemplateError as error:
                yield index, SetAside(Why.MALFORMED, f"the chat template refuses it: {error}")
                on_prompts(1)
                continue
            room = None if window is None else window - params.max_tokens
            if room is not None and len(ids) > room:
                detail = f"{len(ids)} tokens and {params.max_tokens} to answer, window {window}"
                yield index, SetAside(Why.TOO_LONG, detail, len(ids), room)
                on_prompts(1)
            else:
                fitting.append(_Encoded(index, ids, prompt.seed))
        fitting.sort(key=lambda prompt: (-len(prompt.ids), prompt.seed))
        while fitting:
            answer_tokens = params.samples * (len(fitting[0].ids) + params.max_tokens)
            size = max(1, self._batch_tokens // answer_tokens)
            batch, fitting = fitting[:size], fitting[size:]
            yield from self._answer(batch, params)
            on_prompts(len(batch))

    def choice_logprobs(self, prompts: Sequence[PolicyPrompt], choices: Sequence[str]) -> Floats:
        """See :meth:`udasa_data.engines.Engine.choice_logprobs`.

        A choice's tokens are those that prompt and choice have together beyond the prompt's own,
        so that a tokenizer that writes the first word of a text another way than the next writes
        it as it would in an answer. Where the choice would merge into the prompt's last token, it
        is tokenised alone.
        """
        window = getattr(self._model.config, "max_position_embeddings", None)
        places, questions = [], []
        for place, prompt in enumerate(prompts):
            try:
                question = self._question(prompt, choices)
            except TemplateError:
                continue
            longest = len(question.prompt) + max(len(choice) for choice in question.choices)
            if question.prompt and (window is None or longest <= window):
                places.append(place)
                questions.append(question)
        result = np.full((len(prompts), len(choices)), np.nan)
        policy = Policy(self._model, self._device, self._name)
        if questions:
            result[places] = sum_logprobs(policy, questions, self._batch_tokens)
        return result

    def _question(self, prompt: PolicyPrompt, choices: Sequence[str]) -> Question:
        text, special = self._text(prompt)
        ids = self._ids(text, special=special)
        tokens = []
        for choice in choices:
            whole = self._ids(text + choice, special=special)
            follows = len(whole) > len(ids) and whole[: len(ids)] == ids
            tokens.append(whole[len(ids) :] if follows else self._ids(choice, special=False))
        return Question(tuple(ids), tuple(map(tuple, tokens)))

    def _encode(self, prompt: PolicyPrompt) -> list[int]:
        text, special = self._text(prompt)
        return self._ids(text, special=special)

    def _text(self, prompt: PolicyPrompt) -> tuple[str, bool]:
        """Return the text that the policy is to go on from, and whether it wants special tokens."""
        if prompt.raw:
            return prompt.turns[-1][1], True
        messages = [{"role": role, "content": content} for role, content in prompt.turns]
        text: str = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=False
        )
        # a template that writes its own BOS must not get a second one
        bos = self._tokenizer.bos_token
        return text, bos is None or not text.startswith(bos)

    def _ids(self, text: str, *, special: bool) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=special)["input_ids"]
        if special and ids and ids[-1] in self._eos:
            ids.pop()  # some tokenizers end every text with EOS
        return ids

    @torch.inference_mode()
    def _answer(
        self, batch: Sequence[_Encoded], params: Sampling
    ) -> Iterator[tuple[int, list[Completion]]]:
        k = params.samples
        seeds = [prompt.seed + sample for prompt in batch for sample in range(k)]
        width = max(len(prompt.ids) for prompt in batch)
        pad = self._eos[0] if self._eos else 0
        ids = torch.full((len(batch), width), pad)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(batch):
            ids[row, width - len(prompt.ids) :] = torch.tensor(prompt.ids)
            mask[row, width - len(prompt.ids) :] = 1
        draw = _Draw(seeds, params, width, self._device)
        output = self._model.generate(
            input_ids=ids.repeat_interleave(k, dim=0).to(self._device),
            attention_mask=mask.repeat_interleave(k, dim=0).to(self._device),
            generation_config=GenerationConfig(
                max_new_tokens=params.max_tokens,
                do_sample=False,
                eos_token_id=self._eos or None,
                pad_token_id=pad,
            ),
            logits_processor=LogitsProcessorList([draw]),
        )
        tokens = output[:, width:].cpu().numpy()
        completions = self._read(tokens, draw.logprobs(), seeds)
        for row, prompt in enumerate(batch):
            yield prompt.place, completions[row * k : (row + 1) * k]

    def _read(
        self, tokens: np.ndarray[Any, Any], logprobs: np.ndarray[Any, Any], seeds: list[int]
    ) -> list[Completion]:
        """Cut each row [T] of tokens at its end, and sum its log-probabilities to there."""
        ends = np.isin(tokens, self._eos)
        stopped: np.ndarray[Any, Any] = np.asarray(ends.any(axis=1))
        lengths = np.where(stopped, ends.argmax(axis=1) + 1, tokens.shape[1])
        kept = [row[: n - stop] for row, n, stop in zip(tokens, lengths, stopped, strict=True)]
        texts = self._tokenizer.batch_decode(kept, skip_special_tokens=True)
        return [
            Completion(
                text.strip(), int(n), float(logprob[:n].sum()), "stop" if stop else "length", seed
            )
            for text, n, stop, logprob, seed in zip(
                texts, lengths, stopped, logprobs, seeds, strict=True
            )
        ]


class _Draw(LogitsProcessor):  # type: ignore[misc]
    """Draws each row's next token by inversion and leaves only that one possible.

    Also keeps its log-probability under the policy itself (temperature 1, all tokens).
    """

    def __init__(
        self, seeds: Sequence[int], params: Sampling, width: int, device: torch.device
    ) -> None:
        uniform = [
            np.random.Generator(np.random.Philox(s)).random(params.max_tokens) for s in seeds
        ]
        self._uniform = torch.tensor(np.array(uniform), dtype=torch.float32, device=device)
        self._params = params
        self._width = width
        self._logprobs: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return [rows, vocabulary] scores with 0 at the drawn token and −∞ elsewhere."""
        scores = scores.float()
        position = input_ids.shape[1] - self._width
        probabilities = torch.softmax(scores / self._params.temperature, dim=-1)
        if self._params.top_p < 1.0:
            probabilities = _nucleus(probabilities, self._params.top_p)
        cumulative = probabilities.cumsum(dim=-1)
        # the last entry is the rounded total: a target below it always finds a token
        target = self._uniform[:, position, None] * cumulative[:, -1:]
        tokens = torch.searchsorted(cumulative, target, right=True).clamp(max=scores.shape[-1] - 1)
        log_normaliser = scores.logsumexp(dim=-1, keepdim=True)
        self._logprobs.append((scores.gather(1, tokens) - log_normaliser).squeeze(1))
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens, 0.0)

    def logprobs(self) -> np.ndarray[Any, Any]:
        """Return [rows, T] log-probabilities of the drawn tokens, nats."""
        return torch.stack(self._logprobs, dim=1).double().cpu().numpy()


def _nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Zero all but the smallest set of tokens that holds ``top_p`` (Holtzman et al. 2020).

    The likeliest 1,024 tokens nearly always hold it, and are found four times sooner on a CPU than
    all are sorted; only rows in which they do not are sorted whole.
    """
    few = min(_FEW, probabilities.shape[-1])
    kept = _keep(probabilities, *probabilities.topk(few, dim=-1), top_p)
    short = kept.sum(dim=-1) < top_p
    if few < probabilities.shape[-1] and bool(short.any()):
        rest = probabilities[short]
        kept[short] = _keep(rest, *rest.sort(dim=-1, descending=True), top_p)
    return kept


def _keep(
    probabilities: torch.Tensor, ordered: torch.Tensor, order: torch.Tensor, top_p: float
) -> torch.Tensor:
    """Return ``probabilities`` with all zero but the first of ``order`` that hold ``top_p``."""
    outside = ordered.cumsum(dim=-1) - ordered >= top_p
    return torch.zeros_like(probabilities).scatter_(1, order, ordered.masked_fill(outside, 0.0))


def _end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Return the ids that end a text: the generation config's and the tokenizer's."""
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return sorted({end for end in [*ends, tokenizer.eos_token_id] if end is not None})
