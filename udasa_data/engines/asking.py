"""Asking a server in what it takes, and learning what that is from what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from udasa_data.engines.dialect import Dialect, Request
from udasa_data.engines.refusals import Refusal
from udasa_data.engines.replies import Reply
from udasa_data.engines.tries import ServerFaultError
from udasa_data.engines.wire import Wire

_TRIES_OF_HELLO: Final = 1  # after the first, where a server failed at another prompt each time
_EMPTY: Refusal = Refusal("a reply with no choices", 200)


class Asker:
    """Puts requests to a server; one for each path, for they may take different options.

    A refusal that names an option has it left out from then on. One that names none is of the
    prompt if the server has answered before, or answers "Hi" in the same way. If it does not, what
    can be left out is, and put back as far as the server takes it. A prompt at which it fails each
    time is refused, too, if it answers "Hi" then.

    Args:
        wire: to the server.
        model: the name that it knows the policy by.
        leave_out: options that are never sent.
    """

    def __init__(self, wire: Wire, model: str, leave_out: Iterable[str] = ()) -> None:
        self._wire = wire
        self._model = model
        self._dialects: dict[str, Dialect] = {}
        self._first = Dialect(frozenset(leave_out))
        self._proven: set[str] = set()  # paths that answered in the present dialect
        self._learning = asyncio.Lock()
        self._notes: dict[str, None] = dict.fromkeys(self._first.notes())
        self.refuses: Refusal | None = None  # even "Hi", in whatever words

    @property
    def notes(self) -> tuple[str, ...]:
        """What the server does not take, one line each, in the order in which it came up."""
        return tuple(self._notes)

    @property
    def answered(self) -> bool:
        """Whether anything was answered at all."""
        return bool(self._proven)

    def takes(self, path: str, option: str) -> bool:
        """Return whether an option is still sent."""
        return option not in self._dialect(path).left_out

    def leave_out(self, path: str, option: str) -> None:
        """Send an option no more: the server took it, and did not do it."""
        self._speak(path, self._dialect(path).leave_out(option))

    async def ask(self, request: Request) -> Reply | Refusal | None:
        """Return the reply to a request, or why the prompt is refused.

        Returns:
            None where the cost's bound leaves no room; no choices where the server does not give
            n > 1 answers a request.

        Raises:
            UserError: as :meth:`udasa_data.engines.wire.Wire.ask`.
        """
        path, emptied = request.path, False
        while True:
            if request.n > 1 and not self.takes(path, "n"):
                return Reply(())
            dialect = self._dialect(path)
            reply = await self._tried(request, dialect)
            if reply is _EMPTY and not emptied:
                emptied = True  # asked once more
                continue
            if isinstance(reply, Reply):
                self._proven.add(path)
            if not isinstance(reply, Refusal) or reply.too_long:
                return reply
            if not await self._learn(request, dialect, reply):
                return reply

    async def _tried(self, request: Request, dialect: Dialect) -> Reply | Refusal | None:
        """Put a request; where the server fails each time, and answers "Hi", it is a refusal."""
        try:
            return await self._put(request, dialect)
        except ServerFaultError as fault:
            async with self._learning:
                if not await self._answers_hello(request.hello(), dialect):
                    raise
            return fault.refusal

    async def _answers_hello(self, hello: Request, dialect: Dialect) -> bool:
        """Return whether the server answers "Hi", if only with fewer options, as from then on."""
        path = hello.path
        if dialect != self._dialect(path):
            return True
        found: Dialect | None = dialect
        if not await self._is_taken(hello, dialect, _TRIES_OF_HELLO):
            proven = path in self._proven  # it took these options, and is down
            found = None if proven else await self._fullest(hello, _TRIES_OF_HELLO)
        if found is not None:
            self._proven.add(path)
            self._speak(path, found)
        return found is not None

    async def _put(
        self, request: Request, dialect: Dialect, retries: int | None = None
    ) -> Reply | Refusal | None:
        body = dialect.body(self._model, request)
        reply = await self._wire.ask(request.path, body, request.most, retries)
        return _EMPTY if isinstance(reply, Reply) and not reply.choices else reply

    async def _learn(self, request: Request, asked: Dialect, refusal: Refusal) -> bool:
        """Return whether the request is to be put in other words."""
        path = request.path
        if asked != self._dialect(path):
            return True  # another prompt's refusal has taught us since
        if (left := asked.without(refusal, request)) is not None:
            self._speak(path, left)
            return True
        async with self._learning:
            if asked == self._dialect(path) and path not in self._proven and not self.refuses:
                await self._find(request.hello())
        return asked != self._dialect(path)

    async def _find(self, hello: Request) -> None:
        """Find what the server takes by a prompt that it has no reason to refuse."""
        path = hello.path
        dialect: Dialect | None = self._dialect(path)
        reply: Reply | Refusal | None = _EMPTY
        while dialect is not None:
            reply = await self._put(hello, dialect)
            if not isinstance(reply, Refusal):
                break
            dialect = dialect.without(reply, hello)
        if isinstance(reply, Refusal):
            dialect = await self._fullest(hello)
            if dialect is None and not self._proven:
                self.refuses = reply
        if dialect is not None and reply is not None:
            self._proven.add(path)
            self._speak(path, dialect)

    async def _fullest(self, hello: Request, retries: int | None = None) -> Dialect | None:
        """Return all that the server takes, found one by one; None: it takes nothing at all."""
        known = self._dialect(hello.path)
        sent = known.sent(hello)
        for bare in known.plain():
            if await self._is_taken(hello, bare, retries):
                break
        else:
            return None
        left_out = bare.left_out
        for option in reversed(sent):  # those first that change what is drawn
            fuller = bare._replace(left_out=left_out - {option})
            if await self._is_taken(hello, fuller, retries):
                left_out -= {option}
        # what this request had no use for may still be taken
        return bare._replace(left_out=left_out & set(sent) | known.left_out)

    async def _is_taken(self, request: Request, dialect: Dialect, retries: int | None) -> bool:
        """Return whether a request is answered; with a bound of tries, to fail is not to be."""
        try:
            return isinstance(await self._put(request, dialect, retries), Reply)
        except ServerFaultError:
            if retries is None:
                raise
            return False

    def _dialect(self, path: str) -> Dialect:
        return self._dialects.get(path, self._first)

    def _speak(self, path: str, dialect: Dialect) -> None:
        self._dialects[path] = dialect
        self._notes |= dict.fromkeys(dialect.notes())
