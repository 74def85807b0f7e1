"""The openai engine: any server that speaks OpenAI's protocol.

What a server can do is learnt from what it refuses (:class:`Dialect`), and reported in the notes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Final, NamedTuple, TypeVar

from udasa_data.config import Sampling, Server
from udasa_data.engines.control_marks import ControlMarks
from udasa_data.engines.meter import Meter
from udasa_data.engines.protocol import Completion, Floats, PolicyPrompt, SetAside, greedy
from udasa_data.engines.replies import Choice, Refusal, Reply
from udasa_data.engines.served_choices import ServedChoices, most_tokens, path_of
from udasa_data.engines.shares import share_out
from udasa_data.engines.wire import Wire
from udasa_data.errors import UserError
from udasa_data.schema import Why

T = TypeVar("T")

# Servers read seeds as 32-bit integers or as doubles: larger ones would be refused, or be equal.
SEEDS: Final = 2**31
_REFUSALS: Final = 8  # with no answer before them: the request is wrong, not the prompts


class Dialect(NamedTuple):
    """What a server takes. All of it is assumed, until the server refuses a part."""

    many: bool = True  # n answers in one request
    logprobs: bool = True
    seed: bool = True
    limit: str = "max_tokens"  # or max_completion_tokens

    def without(self, refusal: Refusal) -> Dialect | None:
        """Return what is left once the parameter that a refusal blames is; None: it blames none."""
        if self.limit == "max_tokens" and refusal.wants_new_limit:
            return self._replace(limit="max_completion_tokens")
        if self.logprobs and (refusal.blames("logprobs") or refusal.blames("top_logprobs")):
            return self._replace(logprobs=False)
        if self.seed and refusal.blames("seed"):
            return self._replace(seed=False)
        if self.many and refusal.blames("n"):
            return self._replace(many=False)
        return None


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
        self._model = model
        self._in_flight = server.in_flight
        self._meter = meter
        self._dialects: dict[str, Dialect] = {}
        self._notes: dict[str, None] = {}  # in the order in which they came up
        self._marks = ControlMarks()
        self._answered = self._refused = 0
        self._wire = Wire(server, meter)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._choices = ServedChoices(self._wire, model, meter.out_of_money)
        if asks_choices:
            try:
                self.choice_logprobs([PolicyPrompt((("user", "Hi"),), raw=False, seed=0)], ["Yes"])
            except UserError:
                self.close()
                raise

    @property
    def notes(self) -> tuple[str, ...]:
        """See :class:`udasa_data.engines.protocol.Engine`."""
        return (*self._notes, *self._choices.notes, *self._marks.notes)

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._thread.is_alive():
            self._submit(self._wire.close()).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def sample(
        self, prompts: Iterable[PolicyPrompt], params: Sampling, on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, list[Completion] | SetAside]]:
        """See :meth:`udasa_data.engines.protocol.Engine.sample`.

        Raises:
            UserError: also when the cost's bound is reached; what was in flight is yielded first.
        """
        pending: dict[Future[list[Completion] | SetAside | None], int] = {}
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
                    on_prompts(1)
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

    async def _answer(
        self, prompt: PolicyPrompt, params: Sampling
    ) -> list[Completion] | SetAside | None:
        """Return the K answers to a prompt; None where the cost's bound leaves no room for them."""
        if params.temperature == 0:
            found = await self._ask(prompt, params, prompt.seed, 1)
            if isinstance(found, list):
                return greedy(found[0], prompt.seed, params.samples)
            return found
        k = params.samples
        path = path_of(prompt)
        if self._dialect(path).many:
            found = await self._ask(prompt, params, prompt.seed, k)
            if not isinstance(found, list) or len(found) == k:
                return found
            # Answers of another number than asked for are put away: asked one by one, sample k has
            # seed + k whichever prompt it was that showed what the server does.
        singles = await asyncio.gather(
            *(self._ask(prompt, params, prompt.seed + sample, 1) for sample in range(k))
        )
        answers = [answer for found in singles if isinstance(found, list) for answer in found]
        if len(answers) == k:
            return answers
        return next(found for found in singles if not isinstance(found, list))

    async def _ask(
        self, prompt: PolicyPrompt, params: Sampling, seed: int, n: int
    ) -> list[Completion] | SetAside | None:
        """Return n answers; fewer or none of them where the server does not do n > 1."""
        path = path_of(prompt)
        most = (most_tokens(prompt), n * params.max_tokens)
        while True:
            dialect = self._dialect(path)
            if n > 1 and not dialect.many:
                return []
            body = _body(self._model, prompt, params, seed, n, dialect)
            reply = await self._wire.ask(path, body, most)
            if reply is None:
                return None
            if isinstance(reply, Reply):
                return self._read(reply, n, seed, path)
            refusal = self._refusal(reply, dialect, path)
            if refusal is not None:
                return refusal

    def _refusal(self, refusal: Refusal, asked: Dialect, path: str) -> SetAside | None:
        """Return why the prompt is set aside; None where it is to be asked in other words.

        Raises:
            UserError: nothing but refusals so far.
        """
        if refusal.too_long:
            return SetAside(Why.TOO_LONG, refusal.message)
        if asked != self._dialect(path):
            return None  # another prompt's refusal has taught us since
        if (left := asked.without(refusal)) is not None:
            self._dialects[path] = left
            self._note_lost(asked, left)
            return None
        self._refused += 1
        if not self._answered and self._refused >= _REFUSALS:
            raise UserError(f"{self._wire.base_url}{path} refuses every prompt: {refusal.message}")
        return SetAside(Why.SERVER_REFUSED, refusal.message)

    def _read(self, reply: Reply, n: int, seed: int, path: str) -> list[Completion]:
        choices = sorted(reply.choices, key=lambda choice: choice.index)[:n]
        if len(choices) < n:
            if n == 1:
                raise UserError(f"{self._wire.base_url}{path} answers with no choices")
            self._dialects[path] = self._dialect(path)._replace(many=False)
            self._note("the server does not give n answers a request: it is asked one by one")
            return []
        self._answered += 1
        logprobs = [choice.logprobs.of_tokens() if choice.logprobs else None for choice in choices]
        if any(found is None for found in logprobs):
            self._note_no_logprobs()
        lengths = self._lengths(reply, choices, logprobs)
        return [
            Completion(
                choice.answer_text().strip(),
                length,
                None if found is None else float(sum(found)),
                # cut off by a filter is cut off: such an answer is never chosen
                "length" if choice.finish_reason in {"length", "content_filter"} else "stop",
                seed + k,
            )
            for k, choice, found, length in zip(range(n), choices, logprobs, lengths, strict=True)
        ]

    def _lengths(
        self,
        reply: Reply,
        choices: Sequence[Choice],
        logprobs: Sequence[list[float] | None],
    ) -> list[int]:
        """Return each answer's tokens: counted, else its share of the request's by length."""
        if all(found is not None for found in logprobs):
            return [len(found or ()) for found in logprobs]
        sizes = [len(choice.answer_text().encode()) for choice in choices]
        if reply.usage is not None and len(reply.choices) == len(choices):
            if len(choices) > 1:
                self._note(
                    "the server counts the tokens of a prompt's answers together: n_tokens is each "
                    "one's share by length"
                )
            return share_out(reply.usage.completion_tokens, sizes)
        self._note("the server counts no tokens: n_tokens is a quarter of an answer's bytes")
        return [-(-size // 4) for size in sizes]

    def _dialect(self, path: str) -> Dialect:
        return self._dialects.get(path, Dialect())

    def _note_lost(self, asked: Dialect, left: Dialect) -> None:
        if asked.logprobs and not left.logprobs:
            self._note_no_logprobs()
        if asked.many and not left.many:
            self._note("the server does not give n answers a request: it is asked one by one")
        if asked.seed and not left.seed:
            self._note("the server takes no seed: a prompt asked again gets other answers")

    def _note_no_logprobs(self) -> None:
        self._note(
            "the server returns no log-probabilities: sum_logprob is null, and what needs them "
            "falls away (scoring.semantic cocoa, the Rao-Blackwellised entropy, scoring.factual "
            "p_true, the judge)"
        )

    def _note(self, note: str) -> None:
        self._notes.setdefault(note)


def _body(
    model: str, prompt: PolicyPrompt, params: Sampling, seed: int, n: int, dialect: Dialect
) -> dict[str, object]:
    """Return a request for n answers, in what the server takes."""
    body: dict[str, object] = {
        "model": model,
        "temperature": params.temperature,
        "top_p": params.top_p,
    }
    if prompt.raw:
        body |= {"prompt": prompt.turns[-1][1], "max_tokens": params.max_tokens}
    else:
        body |= {"messages": prompt.messages, dialect.limit: params.max_tokens}
    if n > 1:
        body["n"] = n
    if dialect.seed:
        body["seed"] = seed % SEEDS
    if dialect.logprobs:
        body["logprobs"] = 1 if prompt.raw else True
    return body
