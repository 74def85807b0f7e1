"""Why a server refuses a request: in its own words, and which option of the request they blame."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from udasa_data.engines.bodies import read_json
from udasa_data.errors import redacted

# What a request can do without, and how servers call it. Where a refusal blames two, the first is
# left out: servers that take one of top_p and temperature are given the temperature.
OPTIONS: Final = {
    "logprobs": re.compile(r"log[\s_-]?prob(s|abilit)", re.IGNORECASE),
    "seed": re.compile(r"(?<![a-z])seed(?![a-z])", re.IGNORECASE),
    "n": re.compile(
        r"(?<![\w\\-])n(?![\w-]|['’]\w)|candidate_?count|"
        r"(number of|multiple) (choices|candidates|completions)",
        re.IGNORECASE,
    ),
    "top_p": re.compile(r"top[\s_-]?p(?![a-z])", re.IGNORECASE),
    "temperature": re.compile(r"temperature", re.IGNORECASE),
    "system": re.compile(
        r"system[\s_'\"`-]*(role|message|prompt|instruction|turn)|developer instruction|"
        r"['\"`]system['\"`]|roles must alternate",
        re.IGNORECASE,
    ),
}
_TOO_LONG: Final = re.compile(
    r"context_length_exceeded|context (length|window|size)|maximum (model |input )?length|"
    r"max_model_len|too long|too many tokens|input_too_long",
    re.IGNORECASE,
)
_FILTERED: Final = re.compile(
    r"content[\s_-]?(filter|policy|management)|moderation|flagged|responsible ?ai", re.IGNORECASE
)
_BUSY: Final = re.compile(
    r"overload|rate.?limit|too many requests|temporar|unavailable|timed? ?out|try again|capacity",
    re.IGNORECASE,
)
_OUT_OF_CREDIT: Final = re.compile(r"insufficient_quota|insufficient (credit|balance|fund)")
_UNSUPPORTED: Final = re.compile(
    r"not (supported|implemented|enabled|allowed)|unsupported|unknown (param|name|field)",
    re.IGNORECASE,
)
_TRANSIENT: Final = {408, 409, 425, 429}
_OF_THE_PROMPT: Final = {200, 400, 413, 422, 451}  # another prompt may well be taken
_NOTHING: Final = {"", "None", "null"}  # as gateways write that no parameter is named
_WORDS: Final = ("error", "message", "msg", "detail", "errors", "title", "reason")


class Refusal(msgspec.Struct, frozen=True):
    """Why a server refuses a request as it stands: in words, and which parameter it blames.

    ``status`` is HTTP's, or the one that an error inside a whole reply names; 200: of a reply that
    cannot be read.
    """

    message: str
    status: int
    param: str | None = None
    code: str | None = None

    @property
    def too_long(self) -> bool:
        """Whether the prompt does not fit into the model's window."""
        return bool(_TOO_LONG.search(f"{self.code} {self.message}"))

    @property
    def transient(self) -> bool:
        """Whether the same request may be taken a little later."""
        if self.out_of_credit:
            return False
        if self.status >= 500:
            return self.status != 501 and not _UNSUPPORTED.search(self.message)
        return self.status in _TRANSIENT

    @property
    def out_of_credit(self) -> bool:
        """Whether it is not the request that is refused, but the account."""
        words = f"{self.code} {self.message}".casefold()
        return self.status == 402 or bool(_OUT_OF_CREDIT.search(words))

    @property
    def wants_a_key(self) -> bool:
        """Whether the key is missing or not accepted."""
        return self.status in {401, 403} and not _FILTERED.search(f"{self.code} {self.message}")

    @property
    def of_the_request(self) -> bool:
        """Whether another prompt, or other options, may be taken."""
        named = any(self.blames(option) for option in OPTIONS)
        return self.status in _OF_THE_PROMPT or self.status == 403 or named

    @property
    def wants_new_limit(self) -> bool:
        """Whether it asks for max_completion_tokens in place of max_tokens."""
        return "max_completion_tokens" in self.message

    @property
    def wants_top(self) -> bool:
        """Whether it speaks of the number of likeliest tokens, as older vLLM servers want it."""
        return "top_logprobs" in self.message

    def blames(self, option: str, said: str = "") -> bool:
        """Return whether it is about one of :data:`OPTIONS`.

        Args:
            option: its name.
            said: the prompt's own words. A refusal may repeat them: what they name is not blamed.
        """
        pattern = OPTIONS[option]
        if self.param is not None:
            return pattern.search(self.param) is not None
        if pattern.search(said) or _FILTERED.search(self.message):
            return False
        return pattern.search(self.message) is not None


def read_refusal(body: bytes, status: int) -> Refusal:
    """Read an error's body, in whatever form the server has.

    Its words are stored with the prompt: secrets of ours are taken out.
    """
    try:
        value = read_json(body)
    except ValueError:
        return Refusal(_one_line(body.decode(errors="replace")) or "no reason given", status)
    return refusal_of(value, status)


def refusal_of(value: object, status: int | None = None) -> Refusal:
    """Return an error's value as a refusal; without a status, that which the error itself names."""
    error = _innermost(value)
    param, code = (error.get(name) for name in ("param", "code"))
    message = _one_line(_words(value)) or "no reason given"
    if status is None:
        numbers = [int(str(n)) for n in (code, error.get("status")) if str(n).isdecimal()]
        named = [number for number in numbers if 400 <= number < 600]
        status = named[0] if named else 503 if _BUSY.search(message) else 400
    return Refusal(
        message,
        status,
        param if isinstance(param, str) and param not in _NOTHING else None,
        None if code is None else str(code),
    )


def error_in(value: object) -> object:
    """Return the error that a reply with status 200 holds in place of answers; None: it is none.

    It stands beside the choices, or in each of them.
    """
    if not isinstance(value, dict):
        return None
    choices = value.get("choices")
    if not choices:
        return value.get("error") or None
    if not isinstance(choices, list):
        return None
    errors = [isinstance(choice, dict) and choice.get("error") for choice in choices]
    return errors[0] if all(errors) else None  # else the others are asked for again


def _innermost(value: Any) -> dict[str, Any]:
    """Return the part of an error that holds its code: in a list, under ``error``, or itself."""
    while True:
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict) and isinstance(value.get("error"), (dict, list)):
            value = value["error"]
        else:
            return value if isinstance(value, dict) else {}


def _words(value: Any) -> str:
    """Return what an error says, places first: ``body.logprobs: Extra inputs are not permitted``.

    A gateway's error holds that of the server behind it (``metadata.raw``).
    """
    if isinstance(value, list):
        return "; ".join(filter(None, map(_words, value)))
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    said = next((value[name] for name in _WORDS if value.get(name)), None)
    if said is None:
        return str(value) if value else ""
    place = value.get("loc")
    where = ".".join(map(str, place)) + ": " if isinstance(place, list) else ""
    behind = value.get("metadata")
    raw = behind.get("raw") if isinstance(behind, dict) else None
    return where + _words(said) + (f" ({raw})" if raw else "")


def _one_line(text: str) -> str:
    return redacted(" ".join(text.split()))[:300]  # cut first, a part of a secret would stay
