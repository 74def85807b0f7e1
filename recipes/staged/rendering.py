"""A pair as the policy reads it: the very tokens that the build sampled from, then what it said.

The chat template renders the prompt, once. After it stands what the policy said, its thoughts with
it, and, where it ended by itself, the token that ends an answer: never what the template makes of
an assistant's turn, which may add to it, cut or trim it. The text reaches TRL as messages under a
template that only joins them. So training and build cannot differ by a BOS or a template, a text to
be continued gets no template at all, and no end token follows an answer that the build cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from jinja2 import TemplateError

from udasa_data.engines import Thoughts, end_of_turn, rewritten
from udasa_data.engines.control_tokens import ControlTokens, is_marked
from udasa_data.engines.policy_tokens import PLAIN_TEMPLATE
from udasa_data.errors import UserError
from udasa_data.schema import Mode
from udasa_data.storage import Located

# joins texts that are rendered already; passed to TRL row by row (column chat_template_kwargs)
JOIN: Final = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
_WHOLE: Final = "stop"  # finish reasons
_CUT: Final = "length"
_NO_SPACE_BEFORE: Final = tuple(".,;:!?)]}'’”…%")


class Pair(NamedTuple):
    """A pair as text: ``prompt + chosen`` is trained on against ``prompt + rejected``.

    Control tokens in what was written by others are marked (``engines.control_tokens``).
    """

    prompt: str
    chosen: str
    rejected: str

    @property
    def is_marked(self) -> bool:
        """Whether TRL, which knows nothing of marks, cannot tokenise it."""
        return any(map(is_marked, self))


class After(NamedTuple):
    """Tokens after a prompt, and whether prompt and text have the same tokens as one text."""

    ids: list[int]
    joins: bool


class BuiltWith(NamedTuple):
    """How the build asked its policy, and what of the answers is trained on.

    Attributes:
        system_prompt: put before chat rows that have no system turn.
        template_options: of the chat template.
        thoughts: knows thoughts by their tags.
        keeps_reasoning: whether thoughts are trained on with the answers behind them.
    """

    system_prompt: str | None = None
    template_options: Mapping[str, Any] = MappingProxyType({})
    thoughts: Thoughts = Thoughts()
    keeps_reasoning: bool = True


_NOTHING_SPECIAL: Final = BuiltWith()


class Renderer:
    """Renders rows for one policy.

    Args:
        tokenizer: the policy's; without a chat template it gets the plain one, as in the build.
        ends: token ids that end a text.
        built_with: how the build asked.
    """

    def __init__(
        self, tokenizer: Any, ends: frozenset[int], built_with: BuiltWith = _NOTHING_SPECIAL
    ) -> None:
        self.tokenizer = tokenizer
        if tokenizer.chat_template is None:
            tokenizer.chat_template = PLAIN_TEMPLATE
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        self._controls = ControlTokens(tokenizer)
        self._ends = tuple(tokenizer.convert_ids_to_tokens(sorted(ends)))
        self._built_with = built_with
        self._end = end_of_turn(tokenizer, self._ends, built_with.template_options)
        ids = tokenizer("x")["input_ids"]
        bos = tokenizer.bos_token_id
        self._adds_bos = bos is not None and bool(ids) and ids[0] == bos

    def pair(self, row: Mapping[str, Any]) -> Pair | None:
        """Return a row of the dataset as text; None where the template cannot carry it.

        Raises:
            ControlTokenError: it holds control tokens that cannot be read as text.
        """
        try:
            prompt = self.prompt_text(row)
            chosen, rejected = (self._answer(row, prompt, side) for side in ("chosen", "rejected"))
        except TemplateError:
            return None
        return None if chosen is None or rejected is None else Pair(prompt, chosen, rejected)

    def turns(self, row: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the prompt's turns as the build put them, its system prompt first."""
        turns = [dict(turn) for turn in row["prompt"]]
        chat = row["mode"] != Mode.COMPLETION
        system_prompt = self._built_with.system_prompt
        if chat and system_prompt and turns[0]["role"] != "system":
            return [{"role": "system", "content": system_prompt}, *turns]
        return turns

    def prompt_text(self, row: Mapping[str, Any]) -> str:
        """Return all that stands before the answer."""
        if row["mode"] == Mode.COMPLETION:
            return self._with_bos(self._controls.mark(row["prompt"][-1]["content"].rstrip()))
        options = self._built_with.template_options
        text = self._controls.render(self.turns(row), add_generation_prompt=True, **options)
        return self._with_bos(text)

    def joined(self, mode: str, said: str) -> str:
        """Return an answer with the space that the build strips from a text's continuation."""
        spaced = mode == Mode.COMPLETION and said and not said.startswith(_NO_SPACE_BEFORE)
        return f" {said}" if spaced else said

    @property
    def built_with(self) -> BuiltWith:
        """How the build asked."""
        return self._built_with

    def said(self, mode: str, prompt: str, thought: str | None, answer: str) -> str:
        """Return all that a policy said after a prompt, its control tokens marked: none ends it.

        Args:
            mode: of the prompt.
            prompt: its text.
            thought: all before the answer; None where that is not known.
            answer: what it said then.
        """
        marked = self._controls.mark(answer, "assistant")
        if thought is None:
            return self.joined(mode, marked)
        thoughts = self._built_with.thoughts
        # the tags of thoughts may be control tokens, which the policy says as such
        before = self._controls.mark(thought, "assistant", thoughts.is_beside)
        return thoughts.wrapped(before, prompt, str(self.tokenizer.chat_template)) + marked

    def rewriting(self, row: Mapping[str, Any]) -> str | None:
        """Return what the chat template makes of a row's chosen answer; None: it leaves it so."""
        if row["mode"] == Mode.COMPLETION:
            return None
        options, turns = self._built_with.template_options, self.turns(row)
        before, answer = row.get("reasoning_chosen") or "", row["chosen"][-1]["content"]
        # white space may stand in the answer's content, or be put there by the template
        ways = [("", before + answer), *([(before, answer)] if before.isspace() else [])]
        try:
            made = [
                rewritten(self.tokenizer, turns, content, self._ends, options, space)
                for space, content in ways
            ]
        except TemplateError:
            return None  # counted where it is rendered
        return made[0] if all(made) else None

    def _answer(self, row: Mapping[str, Any], prompt: str, side: str) -> str | None:
        if len(row[side]) != 1:
            return None
        thought, answer = row.get(f"reasoning_{side}"), row[side][0]["content"]
        if (thought or "").strip() and not self._built_with.keeps_reasoning:
            thought = self._built_with.thoughts.closing(prompt)
        said = self.said(row["mode"], prompt, thought, answer)
        return said + self._end_of(row["mode"], row.get(f"finish_reason_{side}"))

    def _end_of(self, mode: str, finish: str | None) -> str:
        """Return what ends an answer: nothing where the build cut it, which would teach to stop.

        Of answers of unknown end, those of chats are whole, and texts to be continued are cut.
        """
        if (finish or (_CUT if mode == Mode.COMPLETION else _WHOLE)) != _WHOLE:
            return ""
        return self.end_token(mode)

    def end_token(self, mode: str) -> str:
        """Return the token by which the policy ends what it says."""
        return str(self.tokenizer.eos_token) if mode == Mode.COMPLETION else self._end

    def _with_bos(self, text: str) -> str:
        """Return the text with the BOS that the tokenizer would add, never a second one."""
        bos = self.tokenizer.bos_token
        return bos + text if self._adds_bos and not text.startswith(bos) else text

    def ids(self, text: str) -> list[int]:
        """Return a rendered text's tokens: nothing is added to it."""
        return self._controls.ids(text, special=False)

    def after(self, prompt: str, said: str) -> After | None:
        """Return the tokens of what follows a prompt; None where they cannot be told apart.

        Where its beginning would change the prompt's last token (two line breaks are one), it is
        tokenised by itself, as the policy said it.
        """
        before, whole = self.ids(prompt), self.ids(prompt + said)
        if whole[: len(before)] == before:
            return After(whole[len(before) :], joins=True)
        alone = self.ids(said)
        same = self.tokenizer.decode([*before, *alone]) == self.tokenizer.decode(whole)
        return After(alone, joins=False) if same else None

    def build_ids(self, row: Mapping[str, Any], prompt: str) -> list[int]:
        """Return the prompt's tokens as the build made them (``engines.transformers``)."""
        if row["mode"] != Mode.COMPLETION:
            return self.ids(prompt)
        text = self._controls.mark(row["prompt"][-1]["content"])
        found = self._controls.ids(text, special=True)
        return found[:-1] if found and found[-1] == self.tokenizer.eos_token_id else found


def template_sha256(tokenizer: Any) -> str | None:
    """Return the hash of a chat template's text; None where the tokenizer has none."""
    template = tokenizer.chat_template
    return None if template is None else hashlib.sha256(str(template).encode()).hexdigest()


def load_tokenizer(policy: Located) -> Any:
    """Load a policy's tokenizer.

    Raises:
        UserError: the folder or repository holds none.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(policy.load_from, **policy.load_kwargs)
    except (OSError, ValueError, KeyError) as error:
        problem = str(error).strip().splitlines()[0]
        raise UserError(f"model '{policy.name}' cannot be loaded: {problem}") from error


def end_ids(policy: Located, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end a text: the generation configuration's and the tokenizer's."""
    from transformers import GenerationConfig

    try:
        found = GenerationConfig.from_pretrained(
            policy.load_from, **policy.load_kwargs
        ).eos_token_id
    except OSError:  # a model without one
        found = None
    ends = found if isinstance(found, list) else [found]
    return frozenset(end for end in [*ends, tokenizer.eos_token_id] if end is not None)
