"""HTTP to an OpenAI-compatible server, through everything that goes wrong on the way.

httpx2 rather than the ``openai`` package: it is here already (huggingface_hub brings it), JSON cut
short must be tried again too, which that package does not, and what compatible servers add to the
protocol comes through typed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Final, TypeVar

import httpx2
import msgspec

from udasa_data.config import Server
from udasa_data.engines.bodies import is_stream, misfit, page_title, read_json
from udasa_data.engines.headers import asked_wait, is_loopback, server_key
from udasa_data.engines.meter import Meter
from udasa_data.engines.refusals import Refusal, error_in, read_refusal, refusal_of
from udasa_data.engines.replies import Reply
from udasa_data.engines.tries import Again, ServerFaultError
from udasa_data.engines.window import Window
from udasa_data.errors import UserError

R = TypeVar("R", bound=msgspec.Struct)

_FIRST_PAUSE: Final = 0.5  # seconds
_LONGEST_PAUSE: Final = 60.0
_LONGEST_ASKED: Final = 3600.0  # a server that asks for more is out of quota, not busy
_LARGEST: Final = 64 << 20  # bytes of a reply
_BUSY: Final = {429, 502, 503, 504, 529}  # asked too much at a time
_BROKEN: Final = frozenset({500, 502})  # by this request, or by what befell the server
_PAGES: Final = 5  # web pages, and nothing else: no server of ours is there


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
        key = server_key()
        self._has_key = bool(key)
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(server.timeout),
            limits=httpx2.Limits(max_connections=server.in_flight),
            trust_env=not is_loopback(
                self.base_url
            ),  # a proxy would look for it on its own machine
        )
        self._server = server
        self.window = Window(server.in_flight)
        self._meter = meter
        self._settled = asyncio.Condition()
        self._not_before = 0.0  # all requests wait when one was asked to
        self._answers = self._pages = 0

    @property
    def hint(self) -> str:
        """Words to add where a server knows nothing of a request; none for a usual address."""
        return "" if "/v1" in self.base_url else " (check the address: it mostly ends in /v1)"

    async def ask(
        self,
        path: str,
        body: Mapping[str, object],
        most: tuple[int, int],
        retries: int | None = None,
    ) -> Reply | Refusal | None:
        """Return the reply to a request that is charged for, or why the server refuses it.

        Args:
            path: /chat/completions or /completions.
            body: of the request.
            most: tokens of the prompt and of its answers, at most.
            retries: as of :meth:`post`.

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
            reply = await self.post(self.base_url + path, body, Reply, retries)
            if isinstance(reply, Reply):
                used = reply.tokens(most)
        finally:
            self._meter.settle(reserved, *used)
            async with self._settled:
                self._settled.notify_all()
        if isinstance(reply, Refusal) and not reply.of_the_request:
            where = f"{self.base_url}{path}"
            raise UserError(f"{where}: HTTP {reply.status}: {reply.message}{self.hint}")
        return reply

    async def _reserve(self, most: tuple[int, int]) -> float | None:
        """Wait until the cost's bound has room for a request; None: it never will."""
        async with self._settled:
            while (reserved := self._meter.reserve(*most)) is None and self._meter.reserved > 0:
                await self._settled.wait()
        return reserved

    async def post(
        self, url: str, body: Mapping[str, object], kind: type[R], retries: int | None = None
    ) -> R | Refusal:
        """Return the server's reply as ``kind``, or why it refuses the request.

        Args:
            url: where to.
            body: of the request.
            kind: of the reply.
            retries: tries after the first; None is as many as configured.

        Raises:
            ServerFaultError: it fails at this request each time.
            UserError: no answer after all tries, or a key that is not accepted.
        """
        content = msgspec.json.encode(body)
        retries = self._server.retries if retries is None else retries
        tried = failed = 0
        while True:
            answers = self._answers
            found = await self._in_turn(url, content, kind)
            if not isinstance(found, Again):
                return found
            self._meter.retried()
            tried += 1
            # no try of its own, while others are answered: it only came when there was no room
            failed += not (found.refused and self._answers > answers)
            if failed > retries:
                says = f" (it says: {found.words})" if found.words else ""
                message = (
                    f"{url}: {found.why}, {failed} times; the same command resumes from here once "
                    f"it answers{says}"
                )
                if found.status in _BROKEN:
                    why = f"{found.why}, {failed} times: {found.words}"
                    raise ServerFaultError(message, Refusal(why, found.status))
                raise UserError(message)
            await self._back_off(found, tried)

    async def _in_turn(self, url: str, content: bytes, kind: type[R]) -> R | Refusal | Again:
        """Try once there is room, and tell the window what became of it."""
        entered = await self.window.enter()
        answered = overloaded = False
        try:
            await self._pause()
            found = await self._try(url, content, kind)
            answered = not isinstance(found, Again)
            overloaded = isinstance(found, Again) and found.overloaded
        finally:
            self.window.leave(entered, answered=answered, overloaded=overloaded)
        self._answers += answered
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _pause(self) -> None:
        left = self._not_before - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
            await self._pause()  # another request may have been asked to wait longer since

    async def _back_off(self, found: Again, tried: int) -> None:
        """Wait as the server asks, else twice as long each time, with full jitter."""
        if found.wait is not None:
            if found.wait > _LONGEST_ASKED:
                says = f" (it says: {found.words})" if found.words else ""
                raise UserError(
                    f"{self.base_url}: {found.why}, and asks to wait {found.wait:,.0f} s; the same "
                    f"command resumes from here later{says}"
                )
            self._not_before = max(self._not_before, time.monotonic() + found.wait)
            return
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (tried - 1))
        await asyncio.sleep(random.uniform(0, longest))  # noqa: S311

    async def _try(self, url: str, content: bytes, kind: type[R]) -> R | Refusal | Again:
        try:
            # of the whole exchange: a body that trickles in would never be silent for long enough
            async with asyncio.timeout(self._server.timeout):
                return await self._exchange(url, content, kind)
        except (TimeoutError, httpx2.TimeoutException):
            return Again(f"no answer within {self._server.timeout:g} s", overloaded=True)
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            refused = isinstance(error, httpx2.ConnectError)
            why = f"the connection broke ({type(error).__name__})"
            return Again(why, overloaded=True, refused=refused)
        except httpx2.InvalidURL as error:
            raise UserError(f"{self.base_url}: no address that can be asked") from error

    async def _exchange(self, url: str, content: bytes, kind: type[R]) -> R | Refusal | Again:
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

    def _read(self, reply: httpx2.Response, body: bytes, kind: type[R]) -> R | Refusal | Again:
        if reply.status_code != 200:
            refusal = read_refusal(body, reply.status_code)
            return self._refused(refusal, "HTTP", asked_wait(reply.headers))
        try:
            value = read_json(body)
        except ValueError:
            return self._no_json(body)
        self._pages = 0
        if (inside := error_in(value)) is not None:
            return self._refused(refusal_of(inside), "a reply that is the error", None)
        try:
            return msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError as error:
            return Refusal(f"a reply of another shape: {misfit(error)}", 200)

    def _refused(self, refusal: Refusal, how: str, wait: float | None) -> Refusal | Again:
        """Say whether a refusal is to be tried again.

        Raises:
            UserError: it is about the account.
        """
        why = f"{how} {refusal.status}"
        if refusal.out_of_credit:
            raise UserError(f"{self.base_url}: {why}: {refusal.message}")
        if refusal.wants_a_key:
            raise UserError(f"{self.base_url}: {why}: {self._wanted} ({refusal.message})")
        if refusal.transient:
            busy = refusal.status in _BUSY
            refused = refusal.status in {429, 503}
            return Again(why, refusal.message, wait, busy, refused, refusal.status)
        return refusal

    def _no_json(self, body: bytes) -> Again:
        """Say what a body is that is no JSON.

        Raises:
            UserError: it is what no further try will change.
        """
        if is_stream(body):
            raise UserError(
                f"{self.base_url}: answers with a stream of events, which was not asked for; have "
                "the server, or what stands before it, answer whole"
            )
        title = page_title(body)
        if title is None:
            return Again("a reply that is cut short, or no reply of this protocol")
        self._pages += 1
        if self._pages >= _PAGES and not self._answers:
            named = f" ('{title}')" if title else ""
            raise UserError(
                f"{self.base_url}: answers with a web page{named}, as a proxy or a log-in does; "
                "check the address (it mostly ends in /v1)"
            )
        return Again("a web page in place of a reply")

    @property
    def _wanted(self) -> str:
        if self._has_key:
            return "the key in OPENAI_API_KEY is not accepted"
        return "it wants a key; set OPENAI_API_KEY"
