"""Log-probabilities of given texts from a server: in vLLM's way, else by the likeliest tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from udasa_data.engines.asking import Asker
from udasa_data.engines.dialect import MOST_TOP, Request
from udasa_data.engines.protocol import Floats, NoLogprobsError, PolicyPrompt
from udasa_data.engines.reasoning import Thoughts
from udasa_data.engines.refusals import Refusal
from udasa_data.engines.replies import Detokenized, Reply, Tokenized
from udasa_data.engines.wire import Wire
from udasa_data.errors import UserError

_LITTLE: Final = float(np.log(0.01))
_LEAST: Final = 1e-9  # servers' probabilities are rounded


class ServedChoices:
    """Asks a server how likely an answer begins with each of a few texts.

    A server with vLLM's /tokenize and ``prompt_logprobs`` is asked for exactly that, whatever the
    texts; where each is one token, and the server knows ``logprob_token_ids``, all at once. From
    another, the likeliest first tokens are read (:func:`among_the_likeliest`).

    Args:
        wire: to the server.
        asker: puts requests in what the server takes.
        model: the name that it knows the policy by.
        out_of_money: what to raise where the cost's bound leaves no room.
        template_options: for the server's chat template.
    """

    def __init__(
        self,
        wire: Wire,
        asker: Asker,
        model: str,
        out_of_money: Callable[[], UserError],
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._template_options = template_options
        self._wire = wire
        self._asker = asker
        self._model = model
        self._out_of_money = out_of_money
        self._root = wire.base_url.removesuffix("/v1")  # vLLM's own paths are beside /v1
        self._exact: bool | None = None  # not known yet
        self._by_ids: bool | None = None  # whether it knows ``logprob_token_ids``; not known yet
        self.notes: tuple[str, ...] = ()

    async def logprobs(self, prompts: Sequence[PolicyPrompt], choices: Sequence[str]) -> Floats:
        """Return [N, C], nats; see :meth:`udasa_data.engines.protocol.Engine.choice_logprobs`.

        Raises:
            UserError: the server returns neither, or the cost's bound is reached.
        """
        if self._exact is None:
            self._exact = await self._tokenizes()
            if not self._exact:
                source = f"the judge and p_true read its {MOST_TOP} likeliest first tokens instead"
                self.notes = (f"the server returns no log-probabilities of given texts: {source}",)
        weigh = self._exactly if self._exact else self._from_the_likeliest
        rows = await asyncio.gather(*(weigh(prompt, choices) for prompt in prompts))
        return np.array(rows, dtype=np.float64).reshape(len(prompts), len(choices))

    async def _exactly(self, prompt: PolicyPrompt, choices: Sequence[str]) -> list[float]:
        """Return the log-probability of each choice, by its own tokens after the prompt's."""
        unknown = [float("nan")] * len(choices)
        request: dict[str, object] = (
            {"prompt": prompt.turns[-1][1]}
            if prompt.raw
            else {"messages": prompt.messages, "add_generation_prompt": True}
        )
        if self._template_options and not prompt.raw:
            request["chat_template_kwargs"] = self._template_options
        read = await self._tokens(request)
        if isinstance(read, Refusal) or not read.tokens:
            return unknown
        text = await self._text(read.tokens)
        closing = Thoughts().closing(text)
        if closing:  # the choice is the answer's beginning
            text += closing
            read = await self._tokens({"prompt": text, "add_special_tokens": False})
            if isinstance(read, Refusal):
                return unknown
        tokens = await asyncio.gather(
            *(self._choice(read.tokens, text, choice) for choice in choices)
        )
        longest = len(read.tokens) + max(map(len, tokens))
        if read.max_model_len is not None and longest >= read.max_model_len:
            return unknown
        if self._by_ids is not False and not closing and not prompt.raw:
            ids = [choice[0] for choice in tokens if len(choice) == 1]
            found = await self._of_ids(request, ids, longest) if len(ids) == len(choices) else None
            if found is not None:
                return found
        return await self._of_sequences(read.tokens, tokens, longest)

    async def _of_ids(
        self, request: Mapping[str, object], ids: Sequence[int], longest: int
    ) -> list[float] | None:
        """Return the log-probability of each token as the next one; None: not by this server.

        Every prompt is read once, and what it shares with others is read from the server's cache.

        Args:
            request: the conversation.
            ids: of the tokens.
            longest: tokens of the prompt and a choice.
        """
        if len(ids) >= MOST_TOP:
            return None
        body = {
            "model": self._model,
            **request,
            "max_tokens": 1,
            "temperature": 0,
            "logprobs": True,
            "logprob_token_ids": list(dict.fromkeys(ids)),
            "top_logprobs": len(ids) + 1,  # the one that is said is among them
            "return_tokens_as_token_ids": True,
        }
        reply = await self._wire.ask("/chat/completions", body, (longest, 1))
        if reply is None:
            raise self._out_of_money()
        known = reply.in_order()[0].known_logprobs if isinstance(reply, Reply) else None
        found = dict(known.first_tokens()) if known is not None else {}
        weighed = [found.get(f"token_id:{token}") for token in ids]
        if any(value is None for value in weighed):
            self._by_ids = self._by_ids or False  # one refused question says nothing of the others
            return None
        self._by_ids = True
        return [float(value) for value in weighed if value is not None]

    async def _of_sequences(
        self, prompt: Sequence[int], tokens: Sequence[Sequence[int]], longest: int
    ) -> list[float]:
        """Return the log-probability of each choice's tokens after the prompt's, one reading each.

        Raises:
            UserError: the server returns none.
        """
        body = {
            "model": self._model,
            "prompt": [[*prompt, *choice] for choice in tokens],
            "max_tokens": 1,  # the least that can be asked for; it is not read
            "temperature": 0,
            "prompt_logprobs": 0,
        }
        reply = await self._wire.ask("/completions", body, (longest * len(tokens), len(tokens)))
        if reply is None:
            raise self._out_of_money()
        if isinstance(reply, Refusal) or len(reply.in_order()) != len(tokens):
            raise self._cannot(reply)
        found = []
        for weighed, choice in zip(reply.in_order(), tokens, strict=True):
            logprobs = (weighed.prompt_logprobs or ())[-len(choice) :]
            if len(logprobs) < len(choice):
                raise self._cannot(reply)
            pairs = zip(logprobs, choice, strict=True)
            found.append(sum(of[str(token)].logprob for of, token in pairs if of is not None))
        return found

    async def _choice(self, prompt: Sequence[int], text: str, choice: str) -> tuple[int, ...]:
        """Return a choice's tokens, as :meth:`PolicyTokens.question` cuts them."""
        whole = await self._tokens({"prompt": text + choice, "add_special_tokens": False})
        n = len(prompt)
        follows = isinstance(whole, Tokenized) and len(whole.tokens) > n
        if isinstance(whole, Tokenized) and follows and whole.tokens[:n] == tuple(prompt):
            return whole.tokens[n:]
        alone = await self._tokens({"prompt": choice, "add_special_tokens": False})
        if isinstance(alone, Refusal) or not alone.tokens:
            raise self._cannot(alone)
        return alone.tokens

    async def _tokenizes(self) -> bool:
        """Return whether the server has vLLM's /tokenize; tried once, for no other has it."""
        body = {"model": self._model, "prompt": "Yes"}
        try:
            found = await self._wire.post(f"{self._root}/tokenize", body, Tokenized, retries=0)
        except UserError:  # whatever stands there in its place
            return False
        return isinstance(found, Tokenized)

    async def _tokens(self, request: dict[str, object]) -> Tokenized | Refusal:
        body = {"model": self._model, **request}
        return await self._wire.post(f"{self._root}/tokenize", body, Tokenized)

    async def _text(self, tokens: Sequence[int]) -> str:
        body = {"model": self._model, "tokens": tokens}
        found = await self._wire.post(f"{self._root}/detokenize", body, Detokenized)
        if isinstance(found, Refusal):
            raise self._cannot(found)
        return found.prompt

    async def _from_the_likeliest(
        self, prompt: PolicyPrompt, choices: Sequence[str]
    ) -> list[float]:
        """Return the log-probability of each choice among the likeliest first tokens."""
        request = Request(
            prompt,
            max_tokens=1,
            temperature=1.0,
            top=MOST_TOP,
            template_options=self._template_options,
        )
        reply = await self._asker.ask(request)
        if reply is None:
            raise self._out_of_money()
        if isinstance(reply, Refusal) and (reply.too_long or self._asker.answered):
            return [float("nan")] * len(choices)
        found = reply.in_order()[0].known_logprobs if isinstance(reply, Reply) else None
        likeliest = found.first_tokens() if found is not None else []
        if not likeliest:
            raise self._cannot(reply)
        return among_the_likeliest(likeliest, choices)

    def _cannot(self, reply: object) -> NoLogprobsError:
        says = f" (it says: {reply.message})" if isinstance(reply, Refusal) else ""
        return NoLogprobsError(
            f"{self._wire.base_url} returns no log-probabilities of given words{says}"
        )


def among_the_likeliest(
    likeliest: Sequence[tuple[str, float]], choices: Sequence[str]
) -> list[float]:
    """Return the log-probability of each choice, as far as the likeliest tokens tell.

    A choice that is none of them is at most as likely as the last of them, and as all that they
    leave over: where that is less than a hundredth of the choices that are there, it is taken, else
    the choice is NaN. Where none is there, all are −inf.

    Args:
        likeliest: tokens and their log-probabilities, nats; not empty.
        choices: C texts.
    """
    said = [[p for token, p in likeliest if token == choice] for choice in choices]
    found = [float(np.logaddexp.reduce(p)) if p else float("nan") for p in said]
    every = [p for of_choice in said for p in of_choice]
    if not every:
        return [float("-inf")] * len(choices)
    left_over = 1.0 - float(np.exp([p for _, p in likeliest]).sum())
    most = min(*(p for _, p in likeliest), float(np.log(max(left_over, _LEAST))))
    is_little = most < float(np.logaddexp.reduce(every)) + _LITTLE
    return [most if is_little and not p else value for p, value in zip(said, found, strict=True)]
