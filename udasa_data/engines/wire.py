"""HTTP to an OpenAI-compatible server, through everything that goes wrong on the way.

httpx2 rather than the ``openai`` package: it is here already (huggingface_hub brings it), JSON cut
short must be tried again too, which that package does not, and what compatible servers add to the
protocol comes through typed.
"""

from __future__ import annotations

import asyncio
import email.utils
import os
import random
import time
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

import httpx2
import msgspec

from udasa_data.config import Server
from udasa_data.engines.meter import Meter
from udasa_data.engines.replies import Refusal, Reply, read_refusal
from udasa_data.errors import UserError

R = TypeVar("R", bound=msgspec.Struct)

_FIRST_PAUSE: Final = 0.5  # seconds
_LONGEST_PAUSE: Final = 60.0
_LONGEST_ASKED: Final = 3600.0  # a server that asks for more is out of quota, not busy
_LARGEST: Final = 64 << 20  # bytes of a reply
_AGAIN: Final = {408, 409, 425, 429}
_OF_THE_PROMPT: Final = {400, 413, 422}  # another prompt may well be taken


class _Again(NamedTuple):
    """Why a try came to nothing, and how long the server asks to wait."""

    why: str
    wait: float | None = None


class Wire:
    """Sends requests, a bounded number at a time, and each until it is answered or refused.

    Args:
        server: where, how many at a time, how long, how often.
        meter: counts tokens, tries and cost.

    Raises:
        UserError: OPENAI_API_KEY cannot be a key.
    """

    def __init__(self, server: Server, meter: Meter) -> None:
        self.base_url = server.base_url.rstrip("/")
        key = _key()
        self._has_key = bool(key)
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(server.timeout),
            limits=httpx2.Limits(max_connections=server.in_flight),
        )
        self._server = server
        self._room = asyncio.Semaphore(server.in_flight)
        self._meter = meter
        self._settled = asyncio.Condition()
        self._not_before = 0.0  # all requests wait when one was asked to

    async def ask(
        self, path: str, body: Mapping[str, object], most: tuple[int, int]
    ) -> Reply | Refusal | None:
        """Return the reply to a request that is charged for, or why the server refuses it.

        Args:
            path: /chat/completions or /completions.
            body: of the request.
            most: tokens of the prompt and of its answers, at most.

        Returns:
            None where the cost's bound leaves no room for it.

        Raises:
            UserError: as :meth:`post`, and where the server has no such path or model.
        """
        reserved = await self._reserve(most)
        if reserved is None:
            return None
        used = (0, 0)
        try:
            reply = await self.post(self.base_url + path, body, Reply)
            if isinstance(reply, Reply):
                usage = reply.usage
                used = (usage.prompt_tokens, usage.completion_tokens) if usage else most
        finally:
            self._meter.settle(reserved, *used)
            async with self._settled:
                self._settled.notify_all()
        if isinstance(reply, Refusal) and reply.status not in _OF_THE_PROMPT:
            raise UserError(f"{self.base_url}{path}: HTTP {reply.status}: {reply.message}")
        return reply

    async def _reserve(self, most: tuple[int, int]) -> float | None:
        """Wait until the cost's bound has room for a request; None: it never will."""
        async with self._settled:
            while (reserved := self._meter.reserve(*most)) is None and self._meter.reserved > 0:
                await self._settled.wait()
        return reserved

    async def post(self, url: str, body: Mapping[str, object], kind: type[R]) -> R | Refusal:
        """Return the server's reply as ``kind``, or why it refuses the request (4xx).

        Raises:
            UserError: no answer after all tries, or a key that is not accepted.
        """
        content = msgspec.json.encode(body)
        tried = 0
        while True:
            async with self._room:
                await self._pause()
                found = await self._try(url, content, kind)
            if not isinstance(found, _Again):
                return found
            self._meter.retried()
            tried += 1
            if tried > self._server.retries:
                raise UserError(
                    f"{url}: {found.why}, {tried} times; the same command resumes from here once "
                    "it answers"
                )
            await self._back_off(found, tried)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _pause(self) -> None:
        left = self._not_before - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
            await self._pause()  # another request may have been asked to wait longer since

    async def _back_off(self, found: _Again, tried: int) -> None:
        """Wait as the server asks, else twice as long each time, with full jitter."""
        if found.wait is not None:
            if found.wait > _LONGEST_ASKED:
                raise UserError(
                    f"{self.base_url}: {found.why}, and asks to wait {found.wait:,.0f} s; the same "
                    "command resumes from here later"
                )
            self._not_before = max(self._not_before, time.monotonic() + found.wait)
            return
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (tried - 1))
        await asyncio.sleep(random.uniform(0, longest))  # noqa: S311

    async def _try(self, url: str, content: bytes, kind: type[R]) -> R | Refusal | _Again:
        try:
            # of the whole exchange: a body that trickles in would never be silent for long enough
            async with asyncio.timeout(self._server.timeout):
                return await self._exchange(url, content, kind)
        except (TimeoutError, httpx2.TimeoutException):
            return _Again(f"no answer within {self._server.timeout:g} s")
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            return _Again(f"the connection broke ({type(error).__name__})")
        except httpx2.InvalidURL as error:
            raise UserError(f"{self.base_url}: no address that can be asked") from error

    async def _exchange(self, url: str, content: bytes, kind: type[R]) -> R | Refusal | _Again:
        """Send a request and read its reply, up to a bound.

        Raises:
            UserError: the reply is larger, or as :meth:`_read`.
        """
        headers = {"Content-Type": "application/json"}
        body = bytearray()
        async with self._client.stream("POST", url, content=content, headers=headers) as reply:
            async for part in reply.aiter_bytes():
                body += part
                if len(body) > _LARGEST:
                    raise UserError(
                        f"{url}: a reply of more than {_LARGEST >> 20} MiB, which no answer is; "
                        "is this an OpenAI-compatible server?"
                    )
        return self._read(reply, bytes(body), kind)

    def _read(self, reply: httpx2.Response, body: bytes, kind: type[R]) -> R | Refusal | _Again:
        if reply.status_code in _AGAIN or reply.status_code >= 500:
            return _Again(f"HTTP {reply.status_code}", _asked_wait(reply.headers))
        if reply.status_code in {401, 403}:
            raise UserError(self._key_refused(reply.status_code))
        if reply.status_code != 200:
            return read_refusal(body, reply.status_code)
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError:
            return _Again("a reply that is cut short, or no reply of this protocol")

    def _key_refused(self, status: int) -> str:
        if self._has_key:
            return f"{self.base_url}: HTTP {status}: the key in OPENAI_API_KEY is not accepted"
        return f"{self.base_url}: HTTP {status}: it wants a key; set OPENAI_API_KEY"


def _key() -> str:
    """Return the server's key; "" where none is set."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(
            "OPENAI_API_KEY: holds a character that is in no key (white space, or none of ASCII); "
            "set it again"
        )
    return key


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3); None: it does not."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())
