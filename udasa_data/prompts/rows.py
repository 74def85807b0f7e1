"""A row of a source → a row of the prompts table, or why it makes none."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from udasa_data.languages import opening
from udasa_data.prompts.cells import is_blank
from udasa_data.prompts.evidence import evidence_of
from udasa_data.prompts.identity import canonical, prompt_id
from udasa_data.prompts.literals import looks_like_turns
from udasa_data.prompts.messages import read_messages
from udasa_data.prompts.side_columns import axis_in, is_input, is_system, pairs_of, word_of
from udasa_data.prompts.storable import unstorable
from udasa_data.prompts.transcripts import transcript_of
from udasa_data.prompts.turns import Message, NoPrompt, malformed
from udasa_data.schema import Axis, Mode

# A review is continued from its first words, as in the controlled-sentiment task of the DPO paper
# (Rafailov et al. 2023, §6.1 takes prefixes of 2 to 8 tokens).
OPENING_WORDS: Final = 8

_AXIS_OF_COLUMN: Final = {"question": Axis.TRUTHFULNESS}


class Row(NamedTuple):
    """One row of a source: where it stands, its prompt cell, and the cells beside it."""

    where: str
    column: str
    cell: Any
    side: dict[str, Any]

    @property
    def is_document(self) -> bool:
        """Whether the cell is a text to be continued from its first words."""
        return (
            self.column == "text"
            and isinstance(self.cell, str)
            and not looks_like_turns(self.cell)
            and transcript_of(self.cell) is None
        )


def read_prompt(row: Row, axis: str | None) -> dict[str, Any] | NoPrompt:
    """Return what the prompts table holds of a row, but for its source; or why it makes no prompt.

    Args:
        row: of a source.
        axis: of all its rows, as the user says; None takes the row's own.
    """
    for name, cell in {**row.side, row.column: row.cell}.items():
        if problem := unstorable(cell):
            return malformed(f"{name} holds {problem}")
    messages = turns_of(row)
    if isinstance(messages, NoPrompt):
        return messages
    of_row = axis or _axis(row)
    mode = word_of(row.side.get("mode"))
    if is_blank(mode):
        mode = Mode.COMPLETION if row.is_document else Mode.CHAT
    for name, value, known in (("axis", of_row, Axis), ("mode", mode, Mode)):
        if value not in list(known):
            return malformed(f"{name} is {{found}}, not one of {', '.join(known)}", value)
    context = _evidence(row)
    if isinstance(context, NoPrompt):
        return context
    return {
        "prompt_id": prompt_id(messages, str(mode), context),
        "messages": [message._asdict() for message in messages],
        "mode": str(mode),
        "axis": str(of_row),
        "context": context,
    }


def turns_of(row: Row) -> list[Message] | NoPrompt:
    """Return the turns of a row, up to the one to be answered, or why it has none."""
    if row.is_document and not is_blank(row.cell):
        return [Message("user", opening(row.cell, OPENING_WORDS))]
    messages = _asked(row)
    return messages if isinstance(messages, NoPrompt) else _with_earlier(row, messages)


def _with_earlier(row: Row, messages: list[Message]) -> list[Message]:
    """Return a row's turns with those that stand in columns of their own: system and history."""
    told = row.side.get("system_prompt")
    if len(messages) == 1:
        for question, answer in reversed(pairs_of(row.side.get("history")) or []):
            before = [Message("user", canonical(question)), Message("assistant", canonical(answer))]
            messages = [*before, *messages]
    if is_blank(told) and is_system(row.side.get("system")):
        told = row.side["system"]
    if isinstance(told, str) and not is_blank(told) and messages[0].role != "system":
        messages = [Message("system", canonical(told)), *messages]
    return messages


def _asked(row: Row) -> list[Message] | NoPrompt:
    """Return the turns in a row's prompt cell, with Alpaca's input."""
    messages = read_messages(row.cell, row.column)
    extra = row.side.get("input")
    if isinstance(messages, NoPrompt) or row.column != "instruction" or not is_input(extra):
        return messages
    asked, given = messages[-1].content, canonical(str(extra))
    if given == asked:
        return messages
    return [*messages[:-1], Message("user", f"{asked}\n\n{given}")]


def _axis(row: Row) -> object:
    """Return the axis: the row's own, that of HH's subset, or the column's, in this order."""
    if not is_blank(row.side.get("axis")):
        return word_of(row.side["axis"])
    if of_subset := axis_in(row.side.get("subset")):
        return of_subset
    of_column = Axis.SENTIMENT if row.is_document else None
    return of_column or _AXIS_OF_COLUMN.get(row.column, Axis.HELPFULNESS)


def _evidence(row: Row) -> str | NoPrompt | None:
    for name in ("context", "contexts"):
        cell = row.side.get(name)
        try:
            text = evidence_of(cell)
        except ValueError:
            return malformed(f"{name} is {{found}}, not text or passages", cell)
        if text:
            return text
    return None
