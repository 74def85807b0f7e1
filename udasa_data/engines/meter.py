"""What a server was asked, what it costs, and the bound that is never passed."""

from __future__ import annotations

from typing import Final

import msgspec

from udasa_data.config import Prices
from udasa_data.errors import UserError

_MILLION: Final = 1e6


class Usage(msgspec.Struct, frozen=True):
    """Tokens and requests of a run, over all its starts; cost is None without prices."""

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


class Meter:
    """Counts usage; with prices, cost; with a bound, says what may still be asked.

    A request is reserved at the most it can cost before it is sent, and settled at what it did
    cost: so the bound holds however many requests are in flight.

    Args:
        prices: of the server; None counts tokens alone.
        max_cost: of the run; None is no bound.
        before: what earlier starts of the run used.
    """

    def __init__(
        self,
        prices: Prices | None = None,
        max_cost: float | None = None,
        before: Usage | None = None,
    ) -> None:
        self._prices = prices
        self.max_cost = max_cost
        self._before = before or Usage()
        self._usage = msgspec.structs.replace(
            self._before, cost=(self._before.cost or 0.0) if prices else None
        )
        self._open = 0
        self._largest = 0.0
        self._reserved = 0.0
        self._prompts = 0

    @property
    def usage(self) -> Usage:
        """Of the run so far, earlier starts included."""
        return self._usage

    @property
    def spent(self) -> float:
        """The cost so far, earlier starts included; 0 without prices."""
        return self._usage.cost or 0.0

    @property
    def reserved(self) -> float:
        """What the requests in flight can cost at most."""
        return self._reserved

    def out_of_money(self) -> UserError:
        """Return what a reached bound means to the user."""
        return UserError(
            f"--max-cost {self.max_cost or 0:g}: {self.spent:.4g} are spent, and the next answers "
            "could cost more than is left; the same command with a higher --max-cost resumes from "
            "here"
        )

    def reserve(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Set aside what a request can cost at most; None where the bound leaves no room for it."""
        most = self._cost(prompt_tokens, completion_tokens)
        if self.max_cost is not None and self.spent + self._reserved + most > self.max_cost:
            return None
        self._open += 1
        self._largest = max(self._largest, most)
        self._reserved += most
        return most

    def settle(self, reserved: float, prompt_tokens: int = 0, completion_tokens: int = 0) -> None:
        """Replace a reservation by what was used; nothing, where the request came to nothing."""
        # the last one sets it to 0 whatever was rounded
        self._open -= 1
        self._reserved = self._reserved - reserved if self._open else 0.0
        used = self._usage
        asked = int(prompt_tokens + completion_tokens > 0)
        charged = self._cost(prompt_tokens, completion_tokens)
        cost = None if used.cost is None else used.cost + charged
        self._usage = Usage(
            used.requests + asked,
            used.retries,
            used.prompt_tokens + prompt_tokens,
            used.completion_tokens + completion_tokens,
            cost,
        )

    def retried(self) -> None:
        """Count a try that came to nothing."""
        self._usage = msgspec.structs.replace(self._usage, retries=self._usage.retries + 1)

    def answered(self, prompts: int) -> None:
        """Count prompts that are done with, for what one costs on average."""
        self._prompts += prompts

    def affords(self, prompts: int) -> bool:
        """Return whether the bound leaves room for so many prompts of average cost.

        And for the last of them to be sent, which takes all that it can cost at most.
        """
        if self.max_cost is None:
            return True
        expected = prompts * (self._mean() or 0.0)
        return self.spent + expected + self._largest <= self.max_cost

    def summary(self, prompts_left: int) -> str:
        """Return cost so far and projected, in a few words; nothing without prices."""
        if self._usage.cost is None:
            return ""
        projected = self.projected(prompts_left)
        return f"cost {self.spent:.4g}" + ("" if projected is None else f" of ~{projected:.4g}")

    def projected(self, prompts_left: int) -> float | None:
        """Return the cost of the whole step at the mean cost of a prompt; None: not known yet."""
        mean = self._mean()
        return None if mean is None else self.spent + prompts_left * mean

    def _mean(self) -> float | None:
        since = self.spent - (self._before.cost or 0.0)
        return since / self._prompts if self._prompts and self._usage.cost is not None else None

    def _cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        if self._prices is None:
            return 0.0
        charged = prompt_tokens * self._prices.input + completion_tokens * self._prices.output
        return charged / _MILLION
