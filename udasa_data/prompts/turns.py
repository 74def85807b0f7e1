"""The turns of a prompt, and why a row has none."""

from __future__ import annotations

from typing import Final, NamedTuple

from udasa_data.schema import Why

_FOUND: Final = "{found}"
_LONGEST: Final = 60  # characters of an excerpt


class Message(NamedTuple):
    """One turn of a conversation."""

    role: str
    content: str


class NoPrompt(NamedTuple):
    """Why a row makes no prompt.

    Attributes:
        why: the reason it is counted under.
        problem: what is wrong, the same words for all rows that it is wrong with; ``{found}`` in
            it stands for what was found.
        found: an excerpt of what was found in this row.
    """

    why: Why
    problem: str
    found: str = ""

    @property
    def detail(self) -> str:
        """What is wrong, with what was found."""
        if _FOUND in self.problem:
            return self.problem.replace(_FOUND, self.found)
        return f"{self.problem}: {self.found}" if self.found else self.problem


def malformed(problem: str, value: object = None) -> NoPrompt:
    """Return that a row cannot be read; ``value`` is what to show of it, None nothing."""
    return NoPrompt(Why.MALFORMED, problem, "" if value is None else excerpt(value))


def excerpt(value: object) -> str:
    """Return a value as it can be printed, in one line and shortened."""
    text = repr(value[: _LONGEST * 2] if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
