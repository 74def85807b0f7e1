"""The openai engine: any server that speaks OpenAI's protocol.

What a server can do is learnt from what it refuses (``asking.py``), and reported in the notes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Final, TypeAlias, TypeVar

from udasa_data.config import Sampling, Server
from udasa_data.engines.asking import Asker
from udasa_data.engines.control_marks import ControlMarks
from udasa_data.engines.dialect import Request
from udasa_data.engines.meter import Meter
from udasa_data.engines.protocol import Completion, Floats, PolicyPrompt, SetAside, greedy
from udasa_data.engines.refusals import Refusal
from udasa_data.engines.served_answers import AnswerReader
from udasa_data.engines.served_choices import ServedChoices
from udasa_data.engines.wire import Wire
from udasa_data.errors import UserError
from udasa_data.schema import Why

T = TypeVar("T")
Answer: TypeAlias = list[Completion] | SetAside

_ENOUGH: Final = 32  # prompts that a server refuses which refuses "Hi", too: it refuses every one


class OpenAIEngine:
    """Samples from an OpenAI-compatible endpoint, a bounded number of requests in flight.

    Args:
        model: the name that the server knows it by.
        server: where it is, and how it is to be asked.
        meter: counts tokens and cost, and bounds it.
        asks_choices: ``choice_logprobs`` will be needed: a server that cannot is refused now, and
            not after all answers were paid for.
    """

    name = "openai"
    streams = True

    def __init__(
        self, model: str, server: Server, meter: Meter, *, asks_choices: bool = False
    ) -> None:
        self._in_flight = server.in_flight
        self._meter = meter
        self._marks = ControlMarks()
        self._reader = AnswerReader()
        self._wire = Wire(server, meter)
        self._asker = Asker(self._wire, model, server.leave_out)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._choices = ServedChoices(self._wire, self._asker, model, meter.out_of_money)
        if asks_choices:
            try:
                self.choice_logprobs([PolicyPrompt((("user", "Hi"),), raw=False, seed=0)], ["Yes"])
            except UserError:
                self.close()
                raise

    @property
    def notes(self) -> tuple[str, ...]:
        """See :class:`udasa_data.engines.protocol.Engine`."""
        told = (*self._asker.notes, *self._reader.notes)
        return (*dict.fromkeys(told), *self._choices.notes, *self._marks.notes)

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._thread.is_alive():
            self._submit(self._wire.close()).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def sample(
        self, prompts: Iterable[PolicyPrompt], params: Sampling, on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, Answer]]:
        """See :meth:`udasa_data.engines.protocol.Engine.sample`.

        Raises:
            UserError: also when the server refuses every prompt, of which none is then yielded, or
                when the cost's bound is reached; what was in flight is yielded first.
        """
        held: list[tuple[int, Answer]] = []  # refused, while it seems that every one is
        for place, answer in self._drawn(prompts, params):
            if isinstance(answer, SetAside) and self._refuses_all:
                held.append((place, answer))
                if len(held) >= _ENOUGH:
                    break
                continue
            for item in (*held, (place, answer)):
                yield item
                on_prompts(1)
            held.clear()
        if held and (refusal := self._asker.refuses):
            words = f"{refusal.message}{self._wire.hint}"
            raise UserError(f"{self._wire.base_url} refuses every prompt: {words}")

    @property
    def _refuses_all(self) -> bool:
        return self._asker.refuses is not None and not self._asker.answered

    def _drawn(
        self, prompts: Iterable[PolicyPrompt], params: Sampling
    ) -> Iterator[tuple[int, Answer]]:
        """Yield (number of a prompt, its answers or why there are none) as they come.

        Raises:
            UserError: the cost's bound is reached; what was in flight is yielded first.
        """
        pending: dict[Future[Answer | None], int] = {}
        stopped = False
        coming = enumerate(prompts)
        try:
            while True:
                while not stopped and len(pending) < self._in_flight:
                    if (item := next(coming, None)) is None:
                        break
                    self._marks.see(item[1])
                    pending[self._submit(self._answer(item[1], params))] = item[0]
                if not pending:
                    break
                for done in wait(pending, return_when=FIRST_COMPLETED).done:
                    answer, place = done.result(), pending.pop(done)
                    if answer is None:
                        stopped = True
                        continue
                    self._meter.answered(1)
                    yield place, answer
        finally:
            for future in pending:
                future.cancel()
        if stopped:
            raise self._meter.out_of_money()

    def choice_logprobs(self, prompts: Sequence[PolicyPrompt], choices: Sequence[str]) -> Floats:
        """See :meth:`udasa_data.engines.protocol.Engine.choice_logprobs`.

        Raises:
            UserError: the server returns no log-probabilities of given texts.
        """
        return self._submit(self._choices.logprobs(prompts, choices)).result()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _answer(self, prompt: PolicyPrompt, params: Sampling) -> Answer | None:
        """Return the K answers to a prompt; None where the cost's bound leaves no room for them."""
        k = 1 if params.temperature == 0 else params.samples
        asked = Request(
            prompt, params.max_tokens, params.temperature, params.top_p, k, seed=prompt.seed
        )
        found = await self._ask(asked)
        if not isinstance(found, list):
            return found
        if len(found) < k:
            # Answers of another number than asked for are put away: asked one by one, sample n has
            # seed + n whichever prompt it was that showed what the server does.
            found = [None] * k
        missing = [n for n, answer in enumerate(found) if answer is None]
        singles = await asyncio.gather(
            *(self._ask(asked._replace(n=1, seed=prompt.seed + n)) for n in missing)
        )
        for n, single in zip(missing, singles, strict=True):
            if not isinstance(single, list):
                return single
            if single[0] is None:
                return SetAside(Why.SERVER_REFUSED, "an answer failed at the server, twice")
            found[n] = single[0]
        answers = [answer for answer in found if answer is not None]
        return answers if k == params.samples else greedy(answers[0], prompt.seed, params.samples)

    async def _ask(self, asked: Request) -> list[Completion | None] | SetAside | None:
        """Return n answers, or as many as the server does; an answer that failed is None."""
        reply = await self._asker.ask(asked)
        if reply is None:
            return None
        if isinstance(reply, Refusal):
            why = Why.TOO_LONG if reply.too_long else Why.SERVER_REFUSED
            return SetAside(why, reply.message)
        found = self._reader.completions(reply, asked)
        if len(found) < asked.n and self._asker.takes(asked.path, "n"):
            self._asker.leave_out(asked.path, "n")
        return found
