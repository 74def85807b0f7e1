"""A process that holds one ``vllm.LLM``: requests come in on stdin, answers go out on stdout.

It ends with its parent, however that ends: its stdin is closed then.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from udasa_data.engines.vllm_messages import (
    Answer,
    Answers,
    Draw,
    Failed,
    Ready,
    Start,
    ToWorker,
    Weigh,
    Weighed,
    receive_to_worker,
    send,
)
from udasa_data.errors import first_line

_Handler = Callable[[Any], None]


class Worker:
    """Feeds requests to vLLM's engine as they come, and sends each prompt's answers as it ends.

    Args:
        llm: a ``vllm.LLM``.
        out: where answers go.
    """

    def __init__(self, llm: Any, out: BinaryIO) -> None:
        self._engine = llm.llm_engine
        self._out = out
        self._waiting: dict[str, _Handler] = {}
        self._next = 0

    def run(self, requests: queue.Queue[ToWorker | None]) -> None:
        """Work until the requests end."""
        while True:
            idle = not self._waiting
            while idle or not requests.empty():
                request = requests.get()
                if request is None:
                    return
                self._take(request)
                idle = False
            for output in self._engine.step():
                if output.finished:
                    self._waiting.pop(output.request_id)(output)

    def _take(self, request: ToWorker) -> None:
        if isinstance(request, Draw):
            self._draw(request)
        elif isinstance(request, Weigh):
            self._weigh(request)

    def _draw(self, request: Draw) -> None:
        def done(output: Any) -> None:
            answers = [
                Answer(
                    list(answer.token_ids), float(answer.cumulative_logprob), answer.finish_reason
                )
                for answer in sorted(output.outputs, key=lambda answer: answer.index)
            ]
            send(self._out, Answers(request.number, answers))

        self._add(
            request.ids,
            done,
            n=request.n,
            seed=request.seed,
            temperature=request.temperature,
            top_p=request.top_p,
            max_tokens=request.max_tokens,
            stop_token_ids=request.ends,
            logprobs=0,  # of the drawn tokens alone
        )

    def _weigh(self, request: Weigh) -> None:
        """Ask for the next token's probabilities where choices are one token each.

        That reads the prompt from the prefix cache, which prompt log-probabilities cannot; choices
        of several tokens are asked for in that way, one by one.
        """
        if all(len(choice) == 1 for choice in request.choices):
            tokens = [choice[0] for choice in request.choices]

            def weighed(output: Any) -> None:
                logprobs = output.outputs[0].logprobs[0]
                found = [float(logprobs[token].logprob) for token in tokens]
                send(self._out, Weighed(request.number, found))

            self._add(
                request.ids,
                weighed,
                max_tokens=1,
                temperature=0.0,
                logprob_token_ids=list(dict.fromkeys(tokens)),
            )
            return
        found: dict[int, float] = {}
        for place, choice in enumerate(request.choices):

            def read(output: Any, place: int = place, choice: list[int] = choice) -> None:
                logprobs = output.prompt_logprobs[-len(choice) :]
                found[place] = sum(
                    float(of[token].logprob) for of, token in zip(logprobs, choice, strict=True)
                )
                if len(found) == len(request.choices):
                    in_order = [found[n] for n in range(len(found))]
                    send(self._out, Weighed(request.number, in_order))

            self._add(
                [*request.ids, *choice], read, max_tokens=1, temperature=0.0, prompt_logprobs=0
            )

    def _add(self, ids: list[int], done: _Handler, **params: Any) -> None:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        name = str(self._next)
        self._next += 1
        # texts are decoded by the parent, in the same way for every engine
        asked = SamplingParams(**params, detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY)
        self._waiting[name] = done
        self._engine.add_request(name, {"prompt_token_ids": ids}, asked)


def load(start: Start) -> Any:
    """Return the model in vLLM."""
    from vllm import LLM
    from vllm.platforms import current_platform

    # a draw after a half-read prompt is taken back, which torch's CPU generators cannot (0.32.0:
    # "CPU Generator does not use offset"); there prompts are read whole
    whole = {"enable_chunked_prefill": False} if current_platform.is_cpu() else {}
    return LLM(
        start.load_from,
        revision=start.revision,
        tokenizer_revision=start.revision,
        dtype=start.dtype,
        load_format=start.load_format,
        max_model_len=start.max_model_len,
        gpu_memory_utilization=start.gpu_memory,
        tensor_parallel_size=start.tensor_parallel,
        enforce_eager=start.eager,
        enable_prefix_caching=True,
        generation_config="vllm",  # nothing but what a request says decides how it is sampled
        seed=0,
        **whole,
    )


def main() -> None:
    """Serve one parent."""
    out: Final = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # vLLM prints
    start = receive_to_worker(sys.stdin.buffer)
    if not isinstance(start, Start):
        return
    requests: queue.Queue[ToWorker | None] = queue.Queue()

    def read() -> None:
        while (request := receive_to_worker(sys.stdin.buffer)) is not None:
            requests.put(request)
        requests.put(None)

    try:
        llm = load(start)
        from vllm import __version__

        send(out, Ready(__version__))
        threading.Thread(target=read, daemon=True).start()
        Worker(llm, out).run(requests)
    except BrokenPipeError:
        pass  # the parent is gone
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent reports it to the user
        traceback.print_exc()  # into the log, which a failure keeps
        send(out, Failed(first_line(error)[:300]))
        sys.exit(1)
    out.close()


if __name__ == "__main__":
    main()
