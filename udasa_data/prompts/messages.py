"""A cell → the turns of a conversation, up to the one to be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from udasa_data.prompts.identity import canonical, shows_nothing
from udasa_data.prompts.literals import looks_like_turns, parse_literal
from udasa_data.prompts.roles import role_of
from udasa_data.prompts.storable import is_missing, unstorable
from udasa_data.prompts.transcripts import transcript_of
from udasa_data.prompts.turns import Message, NoPrompt, malformed
from udasa_data.schema import Why

# columns that hold a whole conversation: plain text in them is no question
LISTS: Final = (
    *("messages", "conversations", "conversation", "dialog", "dialogue", "turns", "contents"),
    *("chosen", "rejected"),
)
_SPEAKER: Final = ("role", "from", "speaker")
_CONTENT: Final = ("content", "value", "text", "parts")
_LONGEST_ROLE: Final = 30  # characters; what is longer is no name
# of an object that stands where a prompt is expected, in the order in which they are tried
_INSIDE: Final = ("messages", "conversations", "conversation", "text", "content", "prompt")


def read_messages(cell: object, column: str) -> list[Message] | NoPrompt:
    """Return the turns in a cell, without the answers that it ends with, or why there are none.

    Args:
        cell: text, a list of turns (``role``/``content``, ``from``/``value``, or texts that
            alternate, the user's first), either of them as JSON or as Python prints it, a
            transcript, or an object that holds one of these.
        column: where it stands, for what its plain text means, and for messages.
    """
    found = _turns(cell, column)
    if isinstance(found, NoPrompt):
        return found
    while found and found[-1][0] == "assistant":
        found.pop()  # the reference answer
    messages = []
    for role, content in found:
        text = _text_of(content, role)
        if isinstance(text, NoPrompt):
            return text
        if text or role != "system":
            messages.append(Message(role, text))
    if not messages or messages[-1].role != "user" or shows_nothing(messages[-1].content):
        return NoPrompt(Why.EMPTY_PROMPT, f"nothing to answer in {column}")
    return messages


def read_answer(cell: object, column: str) -> str | NoPrompt | None:
    """Return the answer that a conversation ends with; None where it ends without one.

    Args:
        cell: as of :func:`read_messages`.
        column: where it stands.
    """
    found = _turns(cell, column)
    if isinstance(found, NoPrompt):
        return found
    if not found or found[-1][0] != "assistant":
        return None
    return _text_of(found[-1][1], "assistant")


def _turns(cell: object, column: str) -> list[tuple[str, Any]] | NoPrompt:
    """Return the turns in a cell: the role of each, and its content as it was found."""
    if is_missing(cell):
        return NoPrompt(Why.EMPTY_PROMPT, f"{column} is empty")
    if isinstance(cell, str):
        return _of_text(cell, column)
    if isinstance(cell, Mapping):
        return _of_object(cell, column)
    if isinstance(cell, Sequence) and not isinstance(cell, bytes):
        return _of_list(cell, column)
    return malformed(f"{column} is {{found}}, neither text nor messages", cell)


def _of_list(cell: Sequence[Any], column: str) -> list[tuple[str, Any]] | NoPrompt:
    if len(cell) == 1 and isinstance(cell[0], list):
        return _turns(cell[0], column)
    if cell and all(isinstance(turn, str) for turn in cell):
        return [("assistant" if n % 2 else "user", turn) for n, turn in enumerate(cell)]
    if cell and all(_is_pair(turn) for turn in cell):
        return [turn for user, answer in cell for turn in (("user", user), ("assistant", answer))]
    turns = []
    for turn in (part for item in cell for part in _by_speaker(item)):
        read = _turn(turn)
        if isinstance(read, NoPrompt):
            return read
        turns.append(read)
    return turns


def _by_speaker(item: object) -> list[object]:
    """Return an item's turns: of one whose keys are who speaks, ``{"human": …}``, one a key."""
    if isinstance(item, Mapping) and item and all(map(role_of, item)):
        return [{"role": name, "content": said} for name, said in item.items() if said is not None]
    return [item]


def _is_pair(turn: object) -> bool:
    """Return whether an item is a question and its answer, as chat interfaces keep a history."""
    return isinstance(turn, list) and len(turn) == 2 and isinstance(turn[0], str)


def _of_text(text: str, column: str) -> list[tuple[str, Any]] | NoPrompt:
    is_list = _name(column) in LISTS and text.lstrip().startswith(("[", "{"))
    if is_list or looks_like_turns(text):
        try:
            value = _object(parse_literal(text))
        except ValueError as error:
            return malformed(f"{column} looks like a list of messages, but is {error}", text)
        if problem := unstorable(value):
            return malformed(f"{column} holds {problem}", text)
        return _turns(value, column)
    turns = transcript_of(text)
    if turns is None:
        return _of_plain_text(text, column)
    return turns if isinstance(turns, NoPrompt) else [*turns]


def _of_plain_text(text: str, column: str) -> list[tuple[str, Any]] | NoPrompt:
    if shows_nothing(text):
        return NoPrompt(Why.EMPTY_PROMPT, f"{column} is empty")
    if _name(column) in {"chosen", "rejected"}:
        return malformed(f"{column} holds an answer without its prompt", text)
    if _name(column) in LISTS:
        return malformed(f"{column} holds text; a list of messages is needed", text)
    return [("user", text)]


def _name(column: str) -> str:
    """Return the name of a column, or of the key in it that is meant."""
    return column.rpartition(".")[2]


def _object(value: Any) -> Any:
    """Return what was read from text, which must not be text again."""
    if isinstance(value, list | dict | tuple):
        return value
    raise ValueError("no list")


def _of_object(cell: Mapping[str, Any], column: str) -> list[tuple[str, Any]] | NoPrompt:
    if (turns := _apart(cell)) is not None:
        return _of_list(turns, column)
    if any(cell.get(key) is not None for key in _SPEAKER):
        turn = _turn(cell)
        return turn if isinstance(turn, NoPrompt) else [turn]
    for key in _INSIDE:
        if cell.get(key) is not None:
            return _turns(cell[key], f"{column}.{key}")
    keys = ", ".join(map(str, cell))
    return malformed(f"{column} is an object of {keys}; name the one meant: #{column}.KEY", cell)


def _apart(cell: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the turns in an object of lists, as ``datasets.Sequence`` stores them; else None."""
    lists = {key: values for key, values in cell.items() if isinstance(values, list)}
    if not lists.keys() & {*_SPEAKER} or len({len(values) for values in lists.values()}) > 1:
        return None
    return [dict(zip(lists, turn, strict=True)) for turn in zip(*lists.values(), strict=True)]


def _turn(turn: object) -> tuple[str, Any] | NoPrompt:
    if not isinstance(turn, Mapping):
        return malformed("{found} is no message", turn)
    name = next((turn[key] for key in _SPEAKER if turn.get(key) is not None), None)
    role = role_of(name)
    if role is None:
        if isinstance(name, str) and len(name) <= _LONGEST_ROLE:
            return malformed(f"role {name!r} is not supported", turn)
        return malformed("a message's role is {found}", "missing" if name is None else name)
    if turn.get("tool_calls"):  # no fault of the row where it is the answer to be left out
        return role, malformed("tool calls are not supported", turn)
    return role, next((turn[key] for key in _CONTENT if turn.get(key) is not None), None)


def _text_of(content: object, role: str) -> str | NoPrompt:
    """Return the text of a turn: text, or parts of which all are text."""
    if isinstance(content, NoPrompt):
        return content
    if isinstance(content, str):
        return canonical(content)
    if content is None:
        return malformed(f"a message of the role '{role}' has no content")
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return malformed("a message's content is {found}", content)
    texts = []
    for part in content:
        text = _text_of_part(part)
        if isinstance(text, NoPrompt):
            return text
        texts.append(text)
    return canonical("\n".join(texts))


def _text_of_part(part: object) -> str | NoPrompt:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        kind, text = part.get("type"), part.get("text")
        if isinstance(text, str) and (kind is None or "text" in str(kind)):
            return text
        if kind is not None:
            return malformed(f"content of the type {str(kind)[:30]!r} is not supported", part)
    return malformed("a message's content holds {found}", part)
