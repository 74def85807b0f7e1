"""Prompts as a policy's tokens, and its tokens as answers: the same for every local engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from jinja2 import TemplateError
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from udasa_data.engines.choices import Question
from udasa_data.engines.control_tokens import ControlTokenError, ControlTokens, is_marked
from udasa_data.engines.protocol import Completion, PolicyPrompt, SetAside
from udasa_data.errors import UserError, first_line
from udasa_data.schema import Why
from udasa_data.storage import Located

# For a policy without a chat template of its own.
PLAIN_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'].capitalize() + ': ' + message['content'] "
    "+ '\n\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


class Drawn(NamedTuple):
    """An answer as an engine draws it."""

    ids: Sequence[int]  # without the end-of-text token
    n_tokens: int  # with it
    sum_logprob: float
    finish_reason: str
    seed: int


class PolicyTokens:
    """A policy's tokenizer, its chat template and its window.

    Attributes:
        ends: ids that end an answer.
        window: tokens of prompt and answer together; None where the policy names no bound.
    """

    def __init__(self, policy: Located, window: int | None = None) -> None:
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                policy.load_from, **policy.load_kwargs
            )
            config = AutoConfig.from_pretrained(policy.load_from, **policy.load_kwargs)
        except (OSError, ValueError, KeyError) as error:
            raise unloadable(policy, error) from error
        own = getattr(config.get_text_config(), "max_position_embeddings", None)
        self.window: int | None = min((n for n in (own, window) if n is not None), default=None)
        self.ends = _end_tokens(policy, config, self._tokenizer)
        self._name = policy.name
        self._plain = self._tokenizer.chat_template is None
        if self._plain:
            self._tokenizer.chat_template = PLAIN_TEMPLATE
        self._controls = ControlTokens(self._tokenizer)
        self._asked = self._with_controls = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of them, and of the prompts so far."""
        notes = []
        if self._plain:
            notes.append(
                f"{self._name} has no chat template: the plain one is used ('User: … Assistant:')"
            )
        if self._with_controls:
            n, asked = self._with_controls, self._asked
            notes.append(
                f"{n:,} of {asked:,} prompts ({n / asked:.2%}) hold control tokens of {self._name} "
                "in their text: they are read as text"
            )
        return tuple(notes)

    def encode(self, prompt: PolicyPrompt) -> list[int]:
        """Return a prompt's ids, with at most one BOS.

        Raises:
            TemplateError: the chat template refuses it.
            ControlTokenError: it holds control tokens, which cannot be read as text here.
            UserError: the chat template itself writes BOS twice.
        """
        self._asked += 1
        text, special = self._text(prompt)
        self._with_controls += is_marked(text)
        ids = self._ids(text, special=special)
        bos = self._tokenizer.bos_token_id
        if not prompt.raw and bos is not None and ids[:2] == [bos, bos]:
            raise UserError(
                f"model '{self._name}': its chat template begins a prompt with two "
                f"{self._tokenizer.bos_token}; mend the template"
            )
        return ids

    def fit(self, prompt: PolicyPrompt, max_tokens: int) -> list[int] | SetAside:
        """Return a prompt's ids, or why it cannot be asked for an answer of ``max_tokens``."""
        try:
            ids = self.encode(prompt)
        except TemplateError as error:
            return SetAside(Why.MALFORMED, f"the chat template refuses it: {error}")
        except ControlTokenError as error:
            return SetAside(Why.CONTROL_TOKENS, str(error))
        room = None if self.window is None else self.window - max_tokens
        if room is not None and len(ids) > room:
            detail = f"{len(ids)} tokens and {max_tokens} to answer, window {self.window}"
            return SetAside(Why.TOO_LONG, detail, len(ids), room)
        return ids

    def question(self, prompt: PolicyPrompt, choices: Sequence[str]) -> Question | None:
        """Return the tokens of a prompt and of each choice after it; None where it does not fit.

        A choice's tokens are those that prompt and choice have together beyond the prompt's own,
        so that a tokenizer that writes the first word of a text another way than the next writes
        it as it would in an answer. Where the choice would merge into the prompt's last token, it
        is tokenised alone.
        """
        try:
            text, special = self._text(prompt)
            ids = self._ids(text, special=special)
        except (TemplateError, ControlTokenError):
            return None
        tokens = []
        for choice in choices:
            whole = self._ids(text + choice, special=special)
            follows = len(whole) > len(ids) and whole[: len(ids)] == ids
            tokens.append(whole[len(ids) :] if follows else self._ids(choice, special=False))
        longest = len(ids) + max(map(len, tokens))
        if not ids or (self.window is not None and longest > self.window):
            return None
        return Question(tuple(ids), tuple(map(tuple, tokens)))

    def read(self, drawn: Sequence[Drawn]) -> list[Completion]:
        """Return drawn tokens as answers, stripped of the white space around them."""
        ids = [answer.ids for answer in drawn]
        texts = self._tokenizer.batch_decode(ids, skip_special_tokens=True)
        return [
            Completion(
                text.strip(),
                answer.n_tokens,
                answer.sum_logprob,
                answer.finish_reason,
                answer.seed,
            )
            for text, answer in zip(texts, drawn, strict=True)
        ]

    def _text(self, prompt: PolicyPrompt) -> tuple[str, bool]:
        """Return the text that the policy is to continue, and whether it wants special tokens.

        Control tokens in what was written by others are marked.
        """
        if prompt.raw:
            return self._controls.mark(prompt.turns[-1][1]), True
        text = self._controls.render(prompt.messages, add_generation_prompt=True)
        # a template that writes its own BOS must not get a second one
        bos = self._tokenizer.bos_token
        return text, bos is None or not text.startswith(bos)

    def _ids(self, text: str, *, special: bool) -> list[int]:
        ids = self._controls.ids(text, special=special)
        if special and ids and ids[-1] in self.ends:
            ids.pop()  # some tokenizers end every text with EOS
        return ids


def require_system_turn(policy: Located, system_prompt: str) -> None:
    """Try once whether a policy's chat template takes a system prompt.

    Raises:
        UserError: it refuses a system turn, or leaves it out; or the policy cannot be loaded.
    """
    tokens = PolicyTokens(policy)
    user = ("user", "Hello")
    without, asked = (
        PolicyPrompt(turns, raw=False, seed=0)
        for turns in ((user,), (("system", system_prompt), user))
    )
    try:
        plain = tokens.encode(without)
    except (TemplateError, ControlTokenError):
        return  # not the system prompt's fault: each prompt says so itself
    try:
        problem = "leaves a system turn out" if tokens.encode(asked) == plain else None
    except TemplateError as error:
        problem = f"takes no system turn ({first_line(error)})"
    except ControlTokenError as error:
        raise UserError(f"system_prompt: {error}; take them out of it") from error
    if problem:
        raise UserError(
            f"model '{policy.name}': its chat template {problem}; leave out system_prompt, put its "
            "text into the prompts, or take a policy whose template has one"
        )


def unloadable(policy: Located, error: Exception) -> UserError:
    """Return what a failed load means to the user."""
    return UserError(f"model '{policy.name}' cannot be loaded: {first_line(error)}")


def _end_tokens(policy: Located, config: Any, tokenizer: Any) -> list[int]:
    """Return the ids that end a text: the generation config's (or the model's) and the tokenizer's.

    A model without a generation_config.json has its ends in its config.json.
    """
    try:
        generation = GenerationConfig.from_pretrained(policy.load_from, **policy.load_kwargs)
    except OSError:
        generation = config.get_text_config()
    configured = getattr(generation, "eos_token_id", None)
    ends = configured if isinstance(configured, list) else [configured]
    return sorted({end for end in [*ends, tokenizer.eos_token_id] if end is not None})
