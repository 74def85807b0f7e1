"""How many requests are in flight: as many as the server bears, found as TCP finds it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

_START: Final = 4
_STEP: Final = 8  # answers that one more takes at least: a server of one slot is not pressed always


class Window:
    """Bounds the requests in flight: one more a window of answers, half for an overload.

    Additive increase, multiplicative decrease (RFC 5681): until the first overload the window
    doubles with each window of answers; requests that were sent before it was last halved do not
    halve it again.

    Args:
        most: that it never exceeds.

    Attributes:
        size: requests in flight at most, at present; its whole part counts.
    """

    def __init__(self, most: int) -> None:
        self.size = float(min(most, _START))
        self._most = most
        self._open = 0
        self._halved = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> int:
        """Wait until there is room; return what :meth:`leave` wants to know."""
        while self._open >= int(self.size):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()  # it may have been this one's turn
                raise
        self._open += 1
        return self._halved

    def leave(self, entered: int, *, answered: bool = False, overloaded: bool = False) -> None:
        """Make room, and learn from what became of the request.

        Args:
            entered: what :meth:`enter` returned.
            answered: the server bore it.
            overloaded: the server said, or showed, that it is asked too much at a time.
        """
        if overloaded and entered == self._halved:
            self._halved += 1
            self.size = max(1.0, self.size / 2)
        elif answered and self._open >= int(self.size):  # else more room would not be used
            step = 1 / max(self.size, _STEP) if self._halved else 1.0
            self.size = min(self._most, self.size + step)
        self._open -= 1
        self._wake()

    def _wake(self) -> None:
        room = int(self.size) - self._open
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1
