"""What a chat template makes of an assistant's turn, beside what was said.

Templates add to it (an empty ``<think>`` block), cut it (all before ``</think>``), or trim it. What
was said stands between the prompt that the policy was asked and the token that ends an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from udasa_data.engines.templating import render

_USER: Final = {"role": "user", "content": "Hello"}
_SAID: Final = "Yes."
_SHOWN: Final = 40  # characters


def special_tokens(tokenizer: Any) -> list[str]:
    """Return the special tokens of a tokenizer, those of its roles among them."""
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return [token for token in dict.fromkeys([*tokenizer.all_special_tokens, *added]) if token]


def end_of_turn(tokenizer: Any, ends: Collection[str], options: Mapping[str, Any]) -> str:
    """Return the token that ends an answer: as the template ends one, else the tokenizer's.

    Args:
        tokenizer: with the chat template.
        ends: tokens that end a text.
        options: of the chat template.
    """
    from jinja2 import TemplateError  # this room opens without it

    try:
        whole = _rendered(tokenizer, [_USER, {"role": "assistant", "content": _SAID}], options)
    except TemplateError:
        whole = ""
    after = whole.rpartition(_SAID)[2]
    written = [end for end in ends if end in after]
    return min(written, key=after.index) if written else tokenizer.eos_token or ""


def space_before_answers(tokenizer: Any, options: Mapping[str, Any]) -> str:
    """Return the white space that a chat template puts between a prompt and an answer.

    Args:
        tokenizer: with the chat template.
        options: of the chat template.
    """
    from jinja2 import TemplateError  # this room opens without it

    try:
        prompt = _rendered(tokenizer, [_USER], options, add_generation_prompt=True)
        whole = _rendered(tokenizer, [_USER, {"role": "assistant", "content": _SAID}], options)
    except TemplateError:
        return ""
    before, found, _ = whole.removeprefix(prompt).partition(_SAID)
    return before if found and whole.startswith(prompt) and not before.strip() else ""


def rewritten(
    tokenizer: Any,
    turns: Sequence[Mapping[str, str]],
    said: str,
    ends: Collection[str],
    options: Mapping[str, Any],
    space: str = "",
) -> str | None:
    """Return what a chat template makes of an answer, in words; None where it is as it was said.

    Args:
        tokenizer: with the chat template.
        turns: of the prompt.
        said: by the policy.
        ends: tokens that may follow it, white space after them included.
        options: of the chat template.
        space: said before it, which the template is to put there itself, as Mistral's does.

    Raises:
        TemplateError: the template refuses the turns.
    """
    prompt = _rendered(tokenizer, turns, options, add_generation_prompt=True)
    answer = {"role": "assistant", "content": said}
    whole = _rendered(tokenizer, [*turns, answer], options)
    if not whole.startswith(prompt):
        return f"does not begin the turn of an answer as it asks for one ({_quoted(prompt[-30:])})"
    made = whole[len(prompt) :]
    whole_answer = space + said
    if any(_is(text, whole_answer, ends) for text in (made, _read_back(tokenizer, prompt, made))):
        return None
    return f"makes {_quoted(made)} of the answer {_quoted(whole_answer)}"


def _is(text: str, said: str, ends: Collection[str]) -> bool:
    """Return whether a text is what was said and the end of a turn."""
    return text.startswith(said) and not _without(text.removeprefix(said), ends).strip()


def _read_back(tokenizer: Any, prompt: str, made: str) -> str:
    """Return what the tokens of a template's answer decode to; empty: they change the prompt's.

    Mistral's template puts a space before an answer. Its tokenizer has that in an answer's first
    token anyway, and leaves it out of the text that a policy's tokens are decoded to.
    """
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    whole = tokenizer(prompt + made, add_special_tokens=False)["input_ids"]
    return str(tokenizer.decode(whole[len(before) :])) if whole[: len(before)] == before else ""


def _without(text: str, ends: Collection[str]) -> str:
    for end in ends:
        text = text.replace(end, "")
    return text


def _rendered(
    tokenizer: Any, turns: Sequence[Mapping[str, str]], options: Mapping[str, Any], **more: Any
) -> str:
    return render(tokenizer, [dict(turn) for turn in turns], **options, **more)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
