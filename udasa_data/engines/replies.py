"""An OpenAI-compatible server's replies, as far as they are read."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from udasa_data.errors import redacted


class TokenLogprob(msgspec.Struct, frozen=True):
    """A token, and its log-probability in nats."""

    token: str = ""
    logprob: float = 0.0
    top_logprobs: tuple[TokenLogprob, ...] | None = None


class Logprobs(msgspec.Struct, frozen=True):
    """The chat form (``content``) and the completions form (``token_logprobs``) in one."""

    content: tuple[TokenLogprob, ...] | None = None
    token_logprobs: tuple[float | None, ...] | None = None
    top_logprobs: tuple[dict[str, float] | None, ...] | None = None

    def of_tokens(self) -> list[float] | None:
        """Return each generated token's log-probability; None where one is missing."""
        if self.content is not None:
            return [token.logprob for token in self.content]
        known = [p for p in self.token_logprobs or () if p is not None]
        complete = self.token_logprobs is not None and len(known) == len(self.token_logprobs)
        return known if complete else None


class Message(msgspec.Struct, frozen=True):
    """The assistant's text; null where there is none."""

    content: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """One answer; ``message`` from chat, ``text`` from completions."""

    index: int = 0
    message: Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    prompt_logprobs: tuple[dict[str, RankedLogprob] | None, ...] | None = None  # vLLM

    def answer_text(self) -> str:
        """Return its text, from whichever of the two forms; never with a secret of ours."""
        return redacted((self.message.content if self.message else self.text) or "")


class RankedLogprob(msgspec.Struct, frozen=True):
    """vLLM's log-probability of a token of the prompt."""

    logprob: float


class ReplyUsage(msgspec.Struct, frozen=True):
    """Tokens of a request, of all its answers together."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Reply(msgspec.Struct, frozen=True):
    """To /chat/completions or /completions."""

    choices: tuple[Choice, ...]
    usage: ReplyUsage | None = None


class Tokenized(msgspec.Struct, frozen=True):
    """To vLLM's /tokenize."""

    tokens: tuple[int, ...]
    max_model_len: int | None = None


class Detokenized(msgspec.Struct, frozen=True):
    """To vLLM's /detokenize."""

    prompt: str


_TOO_LONG: Final = re.compile(
    r"context_length_exceeded|context (length|window|size)|maximum (model |input )?length|"
    r"max_model_len|too long|too many tokens|input_too_long",
    re.IGNORECASE,
)


class Refusal(msgspec.Struct, frozen=True):
    """Why a server refuses a request as it stands: in words, and which parameter it blames."""

    message: str
    status: int
    param: str | None = None
    code: str | None = None

    @property
    def too_long(self) -> bool:
        """Whether the prompt does not fit into the model's window."""
        return bool(_TOO_LONG.search(f"{self.code} {self.message}"))

    @property
    def wants_new_limit(self) -> bool:
        """Whether it asks for max_completion_tokens in place of max_tokens."""
        return "max_completion_tokens" in self.message

    def blames(self, name: str) -> bool:
        """Return whether it is about a parameter."""
        if self.param is not None:
            return self.param == name
        return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", self.message) is not None


def read_refusal(body: bytes, status: int) -> Refusal:
    """Read an error's body, in whatever form the server has.

    Its words are stored with the prompt: secrets of ours are taken out.
    """
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return Refusal(_one_line(body.decode(errors="replace")) or "no reason given", status)
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return Refusal(_one_line(str(error)), status)
    message = error.get("message") or error.get("detail") or error
    param, code = (error.get(name) for name in ("param", "code"))
    return Refusal(
        _one_line(str(message)),
        status,
        param if isinstance(param, str) else None,
        None if code is None else str(code),
    )


def _one_line(text: str) -> str:
    return redacted(" ".join(text.split()))[:300]  # cut first, a part of a secret would stay
