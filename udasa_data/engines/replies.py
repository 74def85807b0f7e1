"""An OpenAI-compatible server's replies, as far as they are read.

What a server leaves out or sets to null is not known; types are those of JSON or of a string of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, TypeGuard

import msgspec

from udasa_data.errors import redacted

Ending: TypeAlias = Literal["stop", "length", "content_filter"]

# what servers call it, in lower case; any other word is an end of the answer's own
_LENGTH: Final = {"length", "max_tokens", "max_length", "max_output_tokens", "model_length"}
_FILTER: Final = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content"}
_THINKS: Final = {"thinking", "reasoning"}
_UNLIKELY: Final = -9999.0  # stands for a log-probability that the server does not know


class TokenLogprob(msgspec.Struct, frozen=True):
    """A token, and its log-probability in nats."""

    token: str | None = None
    logprob: float | None = None
    top_logprobs: tuple[TokenLogprob, ...] | None = None


class Logprobs(msgspec.Struct, frozen=True):
    """The chat form (``content``) and the completions form (``token_logprobs``) in one."""

    content: tuple[TokenLogprob, ...] | None = None
    token_logprobs: tuple[float | None, ...] | None = None
    top_logprobs: tuple[dict[str, float | None] | None, ...] | None = None

    def of_tokens(self) -> list[float] | None:
        """Return each generated token's log-probability; None where one is not known."""
        given: Sequence[float | None] = self.token_logprobs or ()
        if self.content:
            given = [token.logprob for token in self.content]
        known = [p for p in given if is_known(p)]
        return known if known and len(known) == len(given) else None

    def first_tokens(self) -> list[tuple[str, float]]:
        """Return the likeliest first tokens with their log-probabilities, as far as known."""
        found: Sequence[tuple[str | None, float | None]] = ()
        if self.content:
            found = [(t.token, t.logprob) for t in self.content[0].top_logprobs or ()]
        elif self.top_logprobs:
            found = list((self.top_logprobs[0] or {}).items())
        return [(token, p) for token, p in found if token is not None and is_known(p)]


def is_known(p: float | None) -> TypeGuard[float]:
    """Return whether a log-probability is one: finite, and no number that stands for unknown."""
    return p is not None and math.isfinite(p) and p > _UNLIKELY


class Part(msgspec.Struct, frozen=True):
    """A chunk of a message; one that thinks, or shows no text, has none of the answer."""

    type: str | None = None
    text: str | None = None
    thinking: Any = None  # Mistral's: a list of parts, or a text

    @property
    def answer(self) -> str:
        """What it adds to the answer's text."""
        return (self.text or "") if self.type in {None, "text", "output_text"} else ""

    @property
    def thought(self) -> str:
        """What it adds to the reasoning."""
        if self.type not in _THINKS:
            return ""
        inner = self.thinking if isinstance(self.thinking, list) else [self.thinking]
        texts = [part.get("text") if isinstance(part, dict) else part for part in inner]
        return (self.text or "") + "".join(text for text in texts if isinstance(text, str))


class Message(msgspec.Struct, frozen=True):
    """The assistant's turn; its content is null where a model only thought, or refused."""

    content: str | Part | tuple[str | Part, ...] | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None

    @property
    def text(self) -> str:
        """Its answer, thoughts left out; a refusal, where that is all it says."""
        texts = [part if isinstance(part, str) else part.answer for part in self._parts]
        return "".join(texts) or self.refusal or ""

    @property
    def thoughts(self) -> str:
        """What it thought, where the server tells it apart from the answer."""
        found = self.reasoning_content or self.reasoning
        if isinstance(found, str):
            return found
        return "".join(part.thought for part in self._parts if isinstance(part, Part))

    @property
    def _parts(self) -> tuple[str | Part, ...]:
        content = self.content
        return content if isinstance(content, tuple) else () if content is None else (content,)


class Choice(msgspec.Struct, frozen=True):
    """One answer; ``message`` from chat, ``text`` from completions."""

    index: int | None = None
    message: Message | None = None
    text: str | None = None
    finish_reason: Any = None
    logprobs: Any = None
    error: Any = None  # of this answer alone
    prompt_logprobs: tuple[dict[str, RankedLogprob] | None, ...] | None = None  # vLLM

    def answer_text(self) -> str:
        """Return its text, from whichever of the two forms; never with a secret of ours."""
        return redacted((self.message.text if self.message else self.text) or "")

    def reasoning(self) -> str:
        """Return what was thought, as :meth:`answer_text` returns what was said."""
        return redacted(self.message.thoughts if self.message else "")

    @property
    def ending(self) -> Ending | None:
        """Why it ended; None where the server does not say."""
        if not isinstance(self.finish_reason, str):
            return None
        word = self.finish_reason.casefold()
        return "length" if word in _LENGTH else "content_filter" if word in _FILTER else "stop"

    @property
    def known_logprobs(self) -> Logprobs | None:
        """Its log-probabilities; None where there are none of a form that we know."""
        try:
            return msgspec.convert(self.logprobs, Logprobs, strict=False)
        except msgspec.ValidationError:
            return None


class RankedLogprob(msgspec.Struct, frozen=True):
    """vLLM's log-probability of a token of the prompt."""

    logprob: float


class ReplyUsage(msgspec.Struct, frozen=True):
    """Tokens of a request, of all its answers together; None: not counted."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Reply(msgspec.Struct, frozen=True):
    """To /chat/completions or /completions."""

    choices: tuple[Choice, ...] | None
    usage: ReplyUsage | None = None

    def in_order(self) -> list[Choice]:
        """Return the choices by their index; as they stand, where not each has one of its own."""
        choices = list(self.choices or ())
        places = {choice.index for choice in choices}
        if None in places or len(places) < len(choices):
            return choices
        return sorted(choices, key=lambda choice: choice.index or 0)

    def tokens(self, most: tuple[int, int]) -> tuple[int, int]:
        """Return the tokens of the prompt and of the answers; the most there can be, if unknown."""
        usage = self.usage or ReplyUsage()
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        return (
            most[0] if prompt is None else max(0, prompt),
            most[1] if completion is None else max(0, completion),
        )


class Tokenized(msgspec.Struct, frozen=True):
    """To vLLM's /tokenize."""

    tokens: tuple[int, ...]
    max_model_len: int | None = None


class Detokenized(msgspec.Struct, frozen=True):
    """To vLLM's /detokenize."""

    prompt: str
