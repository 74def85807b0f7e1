"""Prompts as a policy's tokens, and its tokens as answers: the same for every local engine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from jinja2 import TemplateError
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from udasa_data.config import ReasoningTags
from udasa_data.engines.assistant_turn import space_before_answers, special_tokens
from udasa_data.engines.choices import Question
from udasa_data.engines.control_tokens import ControlTokenError, ControlTokens, is_marked
from udasa_data.engines.hidden_space import HiddenSpace
from udasa_data.engines.protocol import Completion, PolicyPrompt, SetAside
from udasa_data.engines.reasoning import EMPTY_ANSWERS, Thoughts
from udasa_data.errors import UserError
from udasa_data.schema import Why
from udasa_data.storage import Located, unloadable

# For a policy without a chat template of its own.
PLAIN_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'].capitalize() + ': ' + message['content'] "
    "+ '\n\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
_TAG_TOKENS: Final = 32  # of a prompt's end, in which the longest tag stands


class Drawn(NamedTuple):
    """An answer as an engine draws it."""

    ids: Sequence[int]  # without the end-of-text token
    n_tokens: int  # with it
    sum_logprob: float
    finish_reason: str
    seed: int
    opened: ReasoningTags | None = None  # tags of the thought that the prompt's end opens
    prompt: Sequence[int] = ()  # ids before them


class PolicyTokens:
    """A policy's tokenizer, its chat template and its window.

    Args:
        policy: located and pinned.
        window: tokens of prompt and answer together, at most.
        template_options: given to the chat template.

    Attributes:
        ends: ids that end an answer.
        window: tokens of prompt and answer together; None where the policy names no bound.
    """

    def __init__(
        self,
        policy: Located,
        window: int | None = None,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                policy.load_from, **policy.load_kwargs
            )
            config = AutoConfig.from_pretrained(policy.load_from, **policy.load_kwargs)
        except (OSError, ValueError, KeyError) as error:
            raise unloadable("model", policy, error) from error
        own = getattr(config.get_text_config(), "max_position_embeddings", None)
        self.window: int | None = min((n for n in (own, window) if n is not None), default=None)
        self.ends = _end_tokens(policy, config, self._tokenizer)
        self._name = policy.name
        self._plain = self._tokenizer.chat_template is None
        if self._plain:
            self._tokenizer.chat_template = PLAIN_TEMPLATE
        self._controls = ControlTokens(self._tokenizer)
        self._space = HiddenSpace(self._tokenizer)
        self._options = dict(template_options or {})
        self._asked = self._with_controls = 0
        self._thought_only = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of them, and of the prompts so far."""
        notes = []
        if self._plain:
            notes.append(
                f"{self._name} has no chat template: the plain one is used ('User: … Assistant:')"
            )
        template = str(self._tokenizer.chat_template)
        notes += [
            f"the chat template of {self._name} does not know '{option}': it has no effect"
            for option in self._options
            if option not in template
        ]
        if self._thought_only:
            notes.append(EMPTY_ANSWERS)
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

    @property
    def name(self) -> str:
        """The policy's name, as the user knows it."""
        return self._name

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, with the chat template that is used."""
        return self._tokenizer

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
        it as it would in an answer, behind the space that the chat template puts before one. Where
        the choice would merge into the prompt's last token, it is tokenised alone. A thought that
        the chat template opens is closed, empty: the choice is the answer's beginning, and not the
        thought's.
        """
        try:
            text, special = self._text(prompt)
            text += Thoughts().closing(text)
            ids = self._ids(text, special=special)
            space = "" if prompt.raw else self._space_before_answers
        except (TemplateError, ControlTokenError):
            return None
        tokens = []
        for choice in choices:
            whole = self._ids(text + space + choice, special=special)
            follows = len(whole) > len(ids) and whole[: len(ids)] == ids
            tokens.append(whole[len(ids) :] if follows else self._ids(choice, special=False))
        longest = len(ids) + max(map(len, tokens))
        if not ids or (self.window is not None and longest > self.window):
            return None
        return Question(tuple(ids), tuple(map(tuple, tokens)))

    @cached_property
    def _space_before_answers(self) -> str:
        return space_before_answers(self._tokenizer, self._options)

    def opened(self, ids: Sequence[int], thoughts: Thoughts) -> ReasoningTags | None:
        """Return the tags of the thought that a prompt's last tokens open."""
        return thoughts.opened_by(self._tokenizer.decode(ids[-_TAG_TOKENS:]))

    def read(self, drawn: Sequence[Drawn], thoughts: Thoughts) -> list[Completion]:
        """Return drawn tokens as answers, what was thought before them apart.

        Special tokens are left out of answers; of thoughts only where no tag is one of them.
        """
        ids = [answer.ids for answer in drawn]
        special = special_tokens(self._tokenizer)
        tagged = any(map(thoughts.is_beside, special))
        texts = self._tokenizer.batch_decode(ids, skip_special_tokens=not tagged)
        left_out = re.compile("|".join(map(re.escape, special)) if tagged else "(?!)")
        return [
            self._completion(
                self._space.before(answer.prompt, answer.ids, text) + text,
                answer,
                thoughts,
                left_out,
            )
            for text, answer in zip(texts, drawn, strict=True)
        ]

    def _completion(
        self, said: str, drawn: Drawn, thoughts: Thoughts, left_out: re.Pattern[str]
    ) -> Completion:
        parted = thoughts.part(said, drawn.opened)
        answer = left_out.sub("", parted.answer)
        thought = (
            parted.reasoning if parted.reasoning.strip() else left_out.sub("", parted.reasoning)
        )
        self._thought_only |= bool(thought.strip() and not answer)
        ending = drawn.finish_reason if parted.closed else "length"
        return Completion(answer, drawn.n_tokens, drawn.sum_logprob, ending, drawn.seed, thought)

    def _text(self, prompt: PolicyPrompt) -> tuple[str, bool]:
        """Return the text that the policy is to continue, and whether it wants special tokens.

        Control tokens in what was written by others are marked.
        """
        if prompt.raw:
            return self._controls.mark(prompt.turns[-1][1]), True
        text = self._controls.render(prompt.messages, add_generation_prompt=True, **self._options)
        # a template that writes its own BOS must not get a second one
        bos = self._tokenizer.bos_token
        return text, bos is None or not text.startswith(bos)

    def _ids(self, text: str, *, special: bool) -> list[int]:
        ids = self._controls.ids(text, special=special)
        if special and ids and ids[-1] in self.ends:
            ids.pop()  # some tokenizers end every text with EOS
        return ids


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
