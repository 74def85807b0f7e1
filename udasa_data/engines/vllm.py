"""The vllm engine: one worker process a GPU, each with its own ``vllm.LLM``.

Prompts are tokenised here and answers decoded here, by the same code as for the transformers
engine; only tokens go to the workers. Their memory is free as soon as they are closed.
"""

from __future__ import annotations

import os
import queue
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from udasa_data.config import ReasoningTags, Sampling, Vllm
from udasa_data.engines.choice import vllm_problem
from udasa_data.engines.policy_tokens import Drawn, PolicyTokens
from udasa_data.engines.protocol import Completion, Floats, PolicyPrompt, SetAside, greedy
from udasa_data.engines.reasoning import Thoughts
from udasa_data.engines.vllm_messages import (
    Answer,
    Answers,
    Draw,
    Failed,
    Ready,
    Start,
    Weigh,
    Weighed,
)
from udasa_data.engines.vllm_process import Received, WorkerProcess
from udasa_data.errors import UserError
from udasa_data.storage import Located

_AHEAD: Final = 256  # sequences that a worker holds: as many as vLLM runs at once by default


class _Asked(NamedTuple):
    """A prompt whose answers are being drawn."""

    seed: int
    opened: ReasoningTags | None
    prompt: list[int]


class VllmEngine:
    """Samples with vLLM, data-parallel over the GPUs of this machine.

    Args:
        policy: the model.
        options: of the engine.
        gpu_memory: the share of each GPU that it may take.
        template_options: given to the chat template.

    Raises:
        UserError: no supported vLLM here, or the model cannot be loaded.
    """

    name = "vllm"
    streams = True

    def __init__(
        self,
        policy: Located,
        options: Vllm,
        gpu_memory: float,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        if problem := vllm_problem():
            raise UserError(f"engine 'vllm': {problem}")
        self._tokens = PolicyTokens(policy, options.max_model_len, template_options)
        groups = _device_groups(options)
        start = Start(
            policy.load_from,
            policy.commit,
            "auto" if groups[0] else "float32",
            self._tokens.window,
            gpu_memory,
            options.tensor_parallel,
            options.eager or not groups[0],
            "auto" if policy.allow_bin else "safetensors",
        )
        self._inbox: queue.Queue[Received] = queue.Queue()
        self._name = policy.name
        self._workers: list[WorkerProcess] = []
        try:
            for number, devices in enumerate(groups):
                self._workers.append(WorkerProcess(number, devices, start, self._inbox))
            versions = [self._receive(Ready).version for _ in self._workers]
        except BaseException:
            self.close()
            raise
        self._version = versions[0]
        self._open: Counter[int] = Counter()  # prompts that a worker holds

    @property
    def notes(self) -> tuple[str, ...]:
        """See :class:`udasa_data.engines.protocol.Engine`."""
        n = len(self._workers)
        several = (f"vLLM {self._version}: {n} worker processes",) if n > 1 else ()
        return (*self._tokens.notes, *several)

    def close(self) -> None:
        """End the worker processes: their memory is free when this returns."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def sample(
        self, prompts: Iterable[PolicyPrompt], params: Sampling, on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, list[Completion] | SetAside]]:
        """See :class:`~udasa_data.engines.protocol.Engine`; each worker has all it can run."""
        drawn = 1 if params.temperature == 0 else params.samples  # vLLM refuses n > 1 at 0
        ahead = len(self._workers) * max(2, _AHEAD // drawn)
        coming = enumerate(prompts)
        thoughts = Thoughts(params.reasoning)
        waiting: dict[int, _Asked] = {}  # by number
        more = True
        while more or waiting:
            while more and len(waiting) < ahead:
                if (item := next(coming, None)) is None:
                    more = False
                    break
                number, prompt = item
                ids = self._tokens.fit(prompt, params.max_tokens)
                if isinstance(ids, SetAside):
                    yield number, ids
                    on_prompts(1)
                    continue
                waiting[number] = _Asked(prompt.seed, self._tokens.opened(ids, thoughts), ids)
                self._send(_draw(number, ids, drawn, prompt.seed, params, self._tokens.ends))
            if waiting:
                answers = self._receive(Answers)
                asked = waiting.pop(answers.number)
                found = self._read(answers.answers, asked, thoughts)
                if params.temperature == 0:
                    found = greedy(found[0], asked.seed, params.samples)
                yield answers.number, found
                on_prompts(1)

    def choice_logprobs(self, prompts: Sequence[PolicyPrompt], choices: Sequence[str]) -> Floats:
        """See :meth:`udasa_data.engines.protocol.Engine.choice_logprobs`."""
        result = np.full((len(prompts), len(choices)), np.nan)
        n_sent = 0
        for number, prompt in enumerate(prompts):
            question = self._tokens.question(prompt, choices)
            window = self._tokens.window
            if question is None:
                continue
            longest = len(question.prompt) + max(map(len, question.choices))
            if window is not None and longest >= window:
                continue  # vLLM draws a token, though none is needed
            tokens = [list(choice) for choice in question.choices]
            self._send(Weigh(number, list(question.prompt), tokens))
            n_sent += 1
        for _ in range(n_sent):
            weighed = self._receive(Weighed)
            result[weighed.number] = weighed.logprobs
        return result

    def _read(
        self, answers: Sequence[Answer], asked: _Asked, thoughts: Thoughts
    ) -> list[Completion]:
        ends = set(self._tokens.ends)
        drawn = []
        for k, answer in enumerate(answers):
            ended = answer.finish_reason == "stop" and bool(answer.ids) and answer.ids[-1] in ends
            ids = answer.ids[:-1] if ended else answer.ids
            reason = "length" if answer.finish_reason == "length" else "stop"
            length, seed = len(answer.ids), asked.seed + k
            drawn.append(
                Drawn(ids, length, answer.sum_logprob, reason, seed, asked.opened, asked.prompt)
            )
        return self._tokens.read(drawn, thoughts)

    def _send(self, message: Draw | Weigh) -> None:
        """Give a request to the worker that holds the fewest."""
        worker = min(self._workers, key=lambda worker: (self._open[worker.number], worker.number))
        self._open[worker.number] += 1
        worker.send(message)

    def _receive(self, kind: type[Any]) -> Any:
        """Return the next message of a worker.

        Raises:
            UserError: a worker failed or is gone.
        """
        received = self._inbox.get()
        message = received.message
        if isinstance(message, kind):
            if not isinstance(message, Ready):
                self._open[received.worker] -= 1
            return message
        log = self._workers[received.worker].log
        if isinstance(message, Failed):
            raise UserError(f"model '{self._name}' in vLLM: {message.why} (all of it: {log})")
        raise UserError(
            f"model '{self._name}': vLLM's process ended unasked (out of memory?), see {log}; the "
            "same command resumes from here"
        )


def _draw(
    number: int, ids: list[int], n: int, seed: int, params: Sampling, ends: list[int]
) -> Draw:
    return Draw(number, ids, n, seed, params.temperature, params.top_p, params.max_tokens, ends)


def _device_groups(options: Vllm) -> list[str | None]:
    """Return the GPUs of each worker, as CUDA_VISIBLE_DEVICES names them; [None] on a CPU."""
    import torch

    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not n:
        return [None] * (options.workers or 1)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(number) for number in range(n)]
    size = options.tensor_parallel
    groups = [",".join(names[at : at + size]) for at in range(0, len(names) - size + 1, size)]
    if not groups or (options.workers or 0) > len(groups):
        raise UserError(
            f"vllm: {options.workers or 1} workers of {size} GPUs each asked for, {n} GPUs are here"
        )
    return list(groups[: options.workers or len(groups)])
