"""How a long step reports its progress; the CLI draws it, library users may ignore it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives reports of steps as they run."""

    def start(self, step: str, total: int, done: int) -> None:
        """Begin a step of ``total`` prompts, ``done`` of which an earlier run had finished."""
        ...

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Move on by so many prompts (fractions while a batch is under way) and tokens."""
        ...

    def tell(self, words: str) -> None:
        """Show a few words beside the step, in the place of those before."""
        ...

    def say(self, line: str) -> None:
        """Show a line that stays."""
        ...

    def finish(self) -> None:
        """End the step."""
        ...


class Silent:
    """Reports to nobody."""

    def start(self, step: str, total: int, done: int) -> None:
        """Ignore the start of a step."""

    def advance(self, prompts: float, tokens: int = 0) -> None:
        """Ignore progress."""

    def tell(self, words: str) -> None:
        """Ignore words."""

    def say(self, line: str) -> None:
        """Ignore a line."""

    def finish(self) -> None:
        """Ignore the end of a step."""
