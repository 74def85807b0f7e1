"""What a request is, and in which of a server's ways it is put."""

from __future__ import annotations

from typing import Final, NamedTuple

from udasa_data.engines.protocol import PolicyPrompt
from udasa_data.engines.refusals import OPTIONS, Refusal

# Servers read seeds as 32-bit integers or as doubles: larger ones would be refused, or be equal.
SEEDS: Final = 2**31
MOST_TOP: Final = 20  # likeliest tokens, as OpenAI's own server returns; 5 for completions
_FEWER_TOP: Final = 5
_TEMPLATE_TOKENS: Final = 64  # that a chat template may add to a message
_HELLO: Final = 16  # tokens of an answer that is asked for only to see whether it comes

NO_LOGPROBS: Final = (
    "the server returns no log-probabilities: sum_logprob is null, and what needs them falls away "
    "(scoring.semantic cocoa, the Rao-Blackwellised entropy, scoring.factual p_true, the judge)"
)
_WITHOUT: Final = {
    "logprobs": NO_LOGPROBS,
    "n": "the server does not give n answers a request: it is asked one by one",
    "seed": "the server takes no seed: a prompt asked again gets other answers",
    "temperature": "the server takes no temperature: it draws at its own",
    "top_p": "the server takes no top_p: it draws with its own",
    "system": "the server takes no system turn: its text is put before the first user turn",
}


class Request(NamedTuple):
    """What a server is asked for.

    Attributes:
        prompt: to answer.
        max_tokens: of an answer.
        temperature: of the sampling.
        top_p: of the sampling; None leaves it to the server.
        n: answers.
        seed: of the first answer; None for none.
        top: likeliest tokens wanted beside each; 0 wants the generated tokens' alone.
    """

    prompt: PolicyPrompt
    max_tokens: int
    temperature: float
    top_p: float | None = None
    n: int = 1
    seed: int | None = None
    top: int = 0

    @property
    def path(self) -> str:
        """Where it is sent to."""
        return "/completions" if self.prompt.raw else "/chat/completions"

    @property
    def most(self) -> tuple[int, int]:
        """Tokens of the prompt and of its answers, at most: a token is a byte at least."""
        turns = self.prompt.turns
        asked = sum(len(content.encode()) + _TEMPLATE_TOKENS for _, content in turns)
        return asked, self.n * self.max_tokens

    @property
    def words(self) -> str:
        """The prompt's own words."""
        return "\n".join(content for _, content in self.prompt.turns)

    @property
    def has_system(self) -> bool:
        """Whether a system turn comes first, and another after it."""
        turns = self.prompt.turns
        return not self.prompt.raw and len(turns) > 1 and turns[0][0] == "system"

    def hello(self) -> Request:
        """Return a request with the same options that no server has a reason to refuse."""
        turns: tuple[tuple[str, str], ...] = (("user", "Hi"),)
        if self.has_system:
            turns = (("system", "Answer briefly."), *turns)
        prompt = PolicyPrompt(turns, self.prompt.raw, self.prompt.seed)
        return self._replace(prompt=prompt, max_tokens=min(self.max_tokens, _HELLO))


class Dialect(NamedTuple):
    """How a server is asked.

    Attributes:
        left_out: of :data:`udasa_data.engines.refusals.OPTIONS`.
        limit: what it calls the bound of an answer's tokens: max_tokens or max_completion_tokens.
        most_top: likeliest tokens that it returns, at most.
        least_top: likeliest tokens that a chat must ask for to get log-probabilities.
    """

    left_out: frozenset[str] = frozenset()
    limit: str = "max_tokens"
    most_top: int = MOST_TOP
    least_top: int = 0

    def without(self, refusal: Refusal, asked: Request) -> Dialect | None:
        """Return what is left once the option that a refusal blames is; None: it blames none."""
        if self.limit == "max_tokens" and refusal.wants_new_limit:
            return self._replace(limit="max_completion_tokens")
        for option in self.sent(asked):
            if refusal.blames(option, asked.words):
                if option == "logprobs" and min(asked.top, self.most_top) > _FEWER_TOP:
                    return self._replace(most_top=_FEWER_TOP)
                if option == "logprobs" and refusal.wants_top and not (asked.top or self.least_top):
                    return self._replace(least_top=1)
                return self.leave_out(option)
        return None

    def leave_out(self, option: str) -> Dialect:
        """Return it without one more option."""
        return self._replace(left_out=self.left_out | {option})

    def plain(self) -> list[Dialect]:
        """Return it without anything that can be left out, with either name of the limit."""
        bare = self._replace(left_out=frozenset(OPTIONS), most_top=_FEWER_TOP)
        other = "max_completion_tokens" if self.limit == "max_tokens" else "max_tokens"
        return [bare, bare._replace(limit=other)]

    def sent(self, asked: Request) -> list[str]:
        """Return the options that it sends with a request, in the order of ``OPTIONS``."""
        return [option for option in OPTIONS if self._sends(option, asked)]

    def body(self, model: str, asked: Request) -> dict[str, object]:
        """Return a request's body."""
        prompt = asked.prompt
        body: dict[str, object] = {"model": model}
        if prompt.raw:
            body |= {"prompt": prompt.turns[-1][1], "max_tokens": asked.max_tokens}
        else:
            body |= {"messages": self.messages(asked), self.limit: asked.max_tokens}
        top = max(min(asked.top, _FEWER_TOP if prompt.raw else self.most_top), self.least_top)
        options: dict[str, dict[str, object]] = {
            "temperature": {"temperature": asked.temperature},
            "top_p": {"top_p": asked.top_p},
            "n": {"n": asked.n},
            "seed": {"seed": (asked.seed or 0) % SEEDS},
            "logprobs": (
                {"logprobs": max(1, top)}
                if prompt.raw
                else {"logprobs": True} | ({"top_logprobs": top} if top else {})
            ),
        }
        for option, keys in options.items():
            if self._sends(option, asked):
                body |= keys
        return body

    def messages(self, asked: Request) -> list[dict[str, str]]:
        """Return the turns of a chat as the server takes them."""
        messages = asked.prompt.messages
        if not asked.has_system or self._sends("system", asked):
            return messages
        system, first, *rest = messages
        return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *rest]

    def _sends(self, option: str, asked: Request) -> bool:
        has = {
            "top_p": asked.top_p is not None,
            "n": asked.n > 1,
            "seed": asked.seed is not None,
            "system": asked.has_system,
        }
        return option not in self.left_out and has.get(option, True)

    def notes(self) -> list[str]:
        """Return what a user should know of what is left out, one line each."""
        return [_WITHOUT[option] for option in OPTIONS if option in self.left_out]
