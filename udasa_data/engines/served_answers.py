"""A server's reply read as the policy's answers, and what of it a user should know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from udasa_data.engines.dialect import NO_LOGPROBS, Request
from udasa_data.engines.protocol import Completion
from udasa_data.engines.reasoning import EMPTY_ANSWERS, Thoughts
from udasa_data.engines.replies import Choice, Reply
from udasa_data.engines.shares import share_out

_SOME_UNKNOWN: Final = (
    "some log-probabilities are null or infinite: the sum_logprob of their answers is null"
)
_TOGETHER: Final = (
    "the server counts the tokens of a prompt's answers together: n_tokens is each one's share by "
    "length"
)
_UNCOUNTED: Final = "the server counts no tokens: n_tokens is a quarter of an answer's bytes"
_HALF: Final = "some answers hold U+FFFD, where the server wrote no whole character"


class AnswerReader:
    """Reads replies, and notes what they lack."""

    def __init__(self) -> None:
        self._notes: dict[str, None] = {}  # in the order in which they came up

    @property
    def notes(self) -> tuple[str, ...]:
        """Facts about the replies so far, one line each."""
        return tuple(self._notes)

    def completions(self, reply: Reply, asked: Request) -> list[Completion | None]:
        """Return the answers to a request, in order; None for one that came to an error alone.

        Fewer than were asked for, where the reply has fewer.
        """
        choices = reply.in_order()[: asked.n]
        sums = [_logprobs(choice) for choice in choices]
        lengths = self._lengths(reply, choices)
        seed = asked.seed or 0
        return [
            None if choice.error else self._completion(choice, length, logprobs, asked, seed + k)
            for k, (choice, length, logprobs) in enumerate(zip(choices, lengths, sums, strict=True))
        ]

    def part(self, answers: Sequence[Completion], thoughts: Thoughts) -> list[Completion]:
        """Return the answers to a prompt with their thoughts apart, unless the server did that.

        A thought that the server's own template opens has no tag before it: where one of the
        answers ends such a thought, all of them began with one.
        """
        told_apart = any(answer.reasoning for answer in answers)
        stray = [] if told_apart else [thoughts.stray(answer.text) for answer in answers]
        opened = next((tags for tags in stray if tags is not None), None)
        found = []
        for answer in answers:
            parted = thoughts.part(answer.text, opened)
            reasoning = answer.reasoning or parted.reasoning
            ending = answer.finish_reason
            if not parted.closed and ending == "stop":
                ending = "length"
            self._note(EMPTY_ANSWERS, bool(reasoning.strip() and not parted.answer))
            found.append(
                answer._replace(text=parted.answer, reasoning=reasoning, finish_reason=ending)
            )
        return found

    def _completion(
        self, choice: Choice, length: int, logprobs: list[float] | None, asked: Request, seed: int
    ) -> Completion:
        text, reasoning = choice.answer_text(), choice.reasoning().strip()
        self._note(_HALF, "\ufffd" in text)
        if logprobs is None and text.strip():
            known = choice.known_logprobs
            given = known is not None and bool(known.content or known.token_logprobs)
            self._note(_SOME_UNKNOWN if given else NO_LOGPROBS)
        # a server that does not say why an answer ended: at the bound it was cut off there
        ending = choice.ending or ("length" if length >= asked.max_tokens else "stop")
        total = None if logprobs is None else float(sum(logprobs))
        return Completion(text, length, total, ending, seed, reasoning)

    def _lengths(self, reply: Reply, choices: Sequence[Choice]) -> list[int]:
        """Return each answer's tokens: counted, else its share of the request's by length."""
        counted = [_counted(choice) for choice in choices]
        if all(counted):
            return [n or 0 for n in counted]
        sizes = [len((choice.reasoning() + choice.answer_text()).encode()) for choice in choices]
        total = reply.usage.completion_tokens if reply.usage else None
        if total and len(reply.in_order()) == len(choices):
            self._note(_TOGETHER, len(choices) > 1)
            return share_out(total, sizes)
        self._note(_UNCOUNTED, any(sizes))
        return [-(-size // 4) for size in sizes]

    def _note(self, note: str, *holds: bool) -> None:
        if all(holds):
            self._notes.setdefault(note)


def _logprobs(choice: Choice) -> list[float] | None:
    known = choice.known_logprobs
    return known.of_tokens() if known is not None else None


def _counted(choice: Choice) -> int | None:
    """Return how many tokens log-probabilities were given for, known or not."""
    known = choice.known_logprobs
    if known is None:
        return None
    return len(known.content or known.token_logprobs or ()) or None
