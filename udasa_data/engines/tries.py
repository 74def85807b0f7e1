"""What became of a try of a request, and of all tries of it."""

from __future__ import annotations

from typing import NamedTuple

from udasa_data.engines.refusals import Refusal
from udasa_data.errors import UserError


class Again(NamedTuple):
    """Why a try came to nothing, what the server says, and how long it asks to wait.

    ``overloaded``: fewer requests at a time may fare better. ``refused``: nothing was done for it.
    ``status``: HTTP's, or that of an error inside a whole reply; None where there was neither.
    """

    why: str
    words: str = ""
    wait: float | None = None
    overloaded: bool = False
    refused: bool = False
    status: int | None = None


class ServerFaultError(UserError):
    """A server fails at a request each time: itself, or at this one alone.

    Attributes:
        refusal: its words.
    """

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message)
        self.refusal = refusal
