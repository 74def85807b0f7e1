"""Control tokens that stand in a prompt's own text: read as text, never as the template's.

A prompt that holds ``<|im_end|>`` would otherwise have the tokens of a dialogue of several turns,
which its author, and not the policy's template, has written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from tokenizers import AddedToken, Tokenizer

from udasa_data.engines.templating import render

# Characters of a private-use plane. A control token in a content is written MARK number END until
# the text is tokenised; one of the template's own is then written TWIN id END.
_MARK: Final = "\U000f5a1e"
_TWIN: Final = "\U000f5a1c"
_END: Final = "\U000f5a1d"
_MARKED: Final = re.compile(f"{_MARK}(\\d+){_END}")
_RESERVED: Final = re.compile(f"[{_MARK}{_TWIN}{_END}]")


class ControlTokenError(ValueError):
    """A text's control tokens cannot be read as text."""


class ControlTokens:
    """The control tokens of a tokenizer, and how a text that holds them is tokenised.

    These are its special tokens, and other added tokens that its chat template writes (DeepSeek's
    ``<｜User｜>`` is not a special one). The latter may stand in an assistant's turn, since a
    policy writes them itself (``<think>``).

    Args:
        tokenizer: of the policy, with the chat template that is used.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder.items()
        template = str(tokenizer.chat_template or "")
        self._ids = {t.content: n for n, t in added if t.special or t.content in template}
        self._ids.pop("", None)
        special = {t.content for _, t in added if t.special}
        self._words = list(self._ids)
        self._any = _pattern(self._words)
        self._special = _pattern([word for word in self._words if word in special])
        self._special_ids = frozenset(self._ids.values())
        self._backend: Tokenizer | None = None

    def mark(
        self, content: str, role: str = "user", said: Callable[[str], bool] = lambda _: False
    ) -> str:
        """Return a turn's content with its control tokens put so that no tokenizer knows them.

        Equal to ``content`` where it holds none.

        Args:
            content: of the turn.
            role: whose turn it is.
            said: whether a control token is one that the policy itself says: it stays.

        Raises:
            ControlTokenError: it holds the characters that they are put in.
        """
        if _RESERVED.search(content):
            raise ControlTokenError("it holds private-use characters that mark control tokens")
        pattern = self._special if role == "assistant" else self._any

        def marked(found: re.Match[str]) -> str:
            word = found[0]
            return word if said(word) else f"{_MARK}{self._words.index(word)}{_END}"

        return pattern.sub(marked, content)

    def render(self, messages: list[dict[str, str]], **options: Any) -> str:
        """Return messages under the chat template, with what is marked in their contents.

        Raises:
            TemplateError: the template refuses them.
            ControlTokenError: it does something of its own with control tokens in a content.
        """
        text = render(self._tokenizer, messages, **options)
        marked = [m | {"content": self.mark(m["content"], m["role"])} for m in messages]
        if marked == messages:
            return text
        found = render(self._tokenizer, marked, **options)
        if self.unmark(found) != text:
            raise ControlTokenError("the chat template changes contents with control tokens")
        return found

    def unmark(self, text: str) -> str:
        """Return a text as it reads."""
        return _MARKED.sub(lambda found: self._words[int(found[1])], text)

    def ids(self, text: str, *, special: bool) -> list[int]:
        """Return a text's tokens; of one without marks, exactly those of the tokenizer.

        Args:
            text: rendered, with marks.
            special: whether the tokenizer adds its BOS (and EOS).

        Raises:
            ControlTokenError: the tokenizer cannot read what is marked as text.
        """
        plain: list[int] = self._tokenizer(text, add_special_tokens=special)["input_ids"]
        if not is_marked(text):
            return plain
        twinned = self._any.sub(lambda found: _twin(self._ids[found[0]]), text)
        # with the marks left in, nothing but the way of tokenising differs: the ids must not
        if self._encode(twinned, special=special) != plain:
            raise ControlTokenError("the policy's tokenizer cannot read control tokens as text")
        found = self._encode(self.unmark(twinned), special=special)
        if self._controls(found) != self._controls(plain):
            raise ControlTokenError("the policy's tokenizer knows control tokens in any text")
        return found

    def _controls(self, ids: list[int]) -> list[int]:
        return [token for token in ids if token in self._special_ids]

    def _encode(self, text: str, *, special: bool) -> list[int]:
        """Return the tokens of a text in which only twins are control tokens."""
        if self._backend is None:
            self._backend, self._own = self._twins()
        ids = self._backend.encode(text, add_special_tokens=special).ids
        return [self._own.get(token, token) for token in ids]

    def _twins(self) -> tuple[Tokenizer, dict[int, int]]:
        """Return a copy of the tokenizer that knows twins alone, and whose twin each id is."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ControlTokenError("the policy's tokenizer cannot read control tokens as text")
        settings = json.loads(backend.to_str())
        for token in settings["added_tokens"]:
            token["special"] = token["special"] or token["content"] in self._ids
        copy = Tokenizer.from_str(json.dumps(settings))
        copy.no_truncation()
        copy.no_padding()
        copy.encode_special_tokens = True
        known = self._tokenizer.added_tokens_decoder
        copy.add_tokens([_like(known[own], _twin(own)) for own in self._ids.values()])
        vocabulary = copy.get_vocab()
        return copy, {vocabulary[_twin(own)]: own for own in self._ids.values()}


def is_marked(text: str) -> bool:
    """Return whether control tokens are marked in a text."""
    return _MARKED.search(text) is not None


def _twin(own: int) -> str:
    return f"{_TWIN}{own}{_END}"


def _like(token: Any, content: str) -> AddedToken:
    """Return an added token that takes the white space around it as another does."""
    return AddedToken(
        content, lstrip=token.lstrip, rstrip=token.rstrip, normalized=False, special=False
    )


def _pattern(words: list[str]) -> re.Pattern[str]:
    """Return what finds the longest of some words; of none, nothing."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
