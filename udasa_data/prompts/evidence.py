"""A cell of evidence → its text: text, passages, or passages with their titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from udasa_data.prompts.identity import canonical
from udasa_data.prompts.literals import parse_literal
from udasa_data.prompts.storable import is_missing, unstorable

_PASSAGE = ("sentences", "contexts", "context", "passages", "text", "content", "passage")


def evidence_of(cell: object) -> str:
    """Return the text of a cell of evidence, passages apart by a blank line; empty for none.

    Args:
        cell: text; passages; [title, sentences] in pairs, or an object of titles and sentences, as
            HotpotQA has them; an object with one of ``text``, ``content``, ``contexts`` …; or any
            of these as JSON or as Python prints it.

    Raises:
        ValueError: something else.
    """
    if isinstance(cell, str) and cell.lstrip().startswith(("[", "{")):
        try:
            value = parse_literal(cell)
            return canonical(cell) if unstorable(value) else _text(value)
        except ValueError:  # text that begins so, like a citation
            return canonical(cell)
    return _text(cell)


def _text(cell: object) -> str:
    if is_missing(cell):
        return ""
    if isinstance(cell, str):
        return canonical(cell)
    if isinstance(cell, Mapping):
        return _of_object(cell)
    if not isinstance(cell, Sequence):
        raise ValueError("no text")  # noqa: TRY004 - of the user's data, not of our types
    passages = [_passage(passage) for passage in cell]
    return "\n\n".join(passage for passage in passages if passage)


def _passage(passage: object) -> str:
    """Return a passage in a list; a pair of a title and its sentences is one."""
    match passage:
        case [str(title), list(sentences)]:
            return _titled(title, sentences)
        case list(sentences) if all(isinstance(sentence, str) for sentence in sentences):
            return _sentences(sentences)
    return _text(passage)


def _of_object(cell: Mapping[str, object]) -> str:
    titles = cell.get("title")
    body = next((cell[key] for key in _PASSAGE if cell.get(key) is not None), None)
    if body is None:
        raise ValueError("no text")
    if isinstance(titles, str):
        return _titled(titles, body if isinstance(body, list) else [_text(body)])
    if isinstance(titles, list) and isinstance(body, list) and len(titles) == len(body):
        pairs = zip(titles, body, strict=True)
        return _text([[title, part if isinstance(part, list) else [part]] for title, part in pairs])
    return _text(body)


def _titled(title: str, sentences: Sequence[object]) -> str:
    return f"{title}: {_sentences(sentences)}"


def _sentences(sentences: Sequence[object]) -> str:
    return " ".join(_text(sentence).strip() for sentence in sentences)
