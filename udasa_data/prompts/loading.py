"""The first step: sources → the prompts table, normalised and without duplicates."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError
from udasa_data.languages import opening
from udasa_data.prompts.row_files import unstorable
from udasa_data.prompts.sources import Row, Source, parse_source, read_rows
from udasa_data.schema import DROPPED, PROMPTS, Axis, Mode, Why

# A review is continued from its first words, as in the controlled-sentiment task of the DPO paper
# (Rafailov et al. 2023, §6.1 takes prefixes of 2 to 8 tokens).
OPENING_WORDS: Final = 8

_TURN = re.compile(r"\n\n(Human|Assistant):[ \n]?")
_ROLES: Final = {"Human": "user", "Assistant": "assistant"}
_AXIS_OF_COLUMN: Final = {"question": Axis.TRUTHFULNESS, "text": Axis.SENTIMENT}


class Message(NamedTuple):
    """One turn of a conversation."""

    role: str
    content: str


class LoadedPrompts(NamedTuple):
    """The prompts table, and what was left out of it."""

    prompts: pl.DataFrame
    dropped: pl.DataFrame


class NoPrompt(NamedTuple):
    """Why a row makes no prompt, and what was found in it."""

    why: Why
    detail: str


class _Prompt(NamedTuple):
    prompt_id: str
    source: int
    row: dict[str, Any]
    where: str


def load_prompts(
    sources: Sequence[str], *, limit: int | None, seed: int, commits: dict[str, str]
) -> LoadedPrompts:
    """Read, normalise and deduplicate prompts.

    Args:
        sources: as given with ``--prompts``.
        limit: at most so many prompts: a random draw (by ``seed``), spread evenly over the
            sources; None takes all.
        seed: of that draw.
        commits: the commit of each Hub dataset, by its place.

    Returns:
        prompts in the order of the sources, and the rows set aside (``what = "row"``).

    Raises:
        UserError: a source cannot be read, or nothing is left of all of them.
    """
    found: list[_Prompt] = []
    dropped: list[dict[str, Any]] = []
    parsed = [parse_source(text) for text in sources]
    for number, source in enumerate(parsed):
        for row in read_rows(source, commits.get(source.place, "main")):
            prompt_row = _prompt(source, row)
            if isinstance(prompt_row, NoPrompt):
                detail = f"{row.where}: {prompt_row.detail}"
                dropped.append(_left_out(None, prompt_row.why, detail))
            else:
                found.append(_Prompt(prompt_row["prompt_id"], number, prompt_row, row.where))
    if not found:
        reason = f"every prompt is empty or malformed ({dropped[0]['detail']})"
        raise UserError(f"{', '.join(s.place for s in parsed)}: {reason}; nothing to build from")
    if limit is not None:
        drawn = _draw(found, limit, seed, len(parsed))
        found = [prompt for prompt in found if prompt.prompt_id in drawn]
    kept: dict[str, _Prompt] = {}
    for prompt in found:
        first = kept.setdefault(prompt.prompt_id, prompt)
        if first is not prompt:
            detail = f"{prompt.where} repeats {first.where}"
            dropped.append(_left_out(prompt.prompt_id, Why.DUPLICATE, detail))
    return LoadedPrompts(
        pl.DataFrame([prompt.row for prompt in kept.values()], schema=PROMPTS, orient="row"),
        pl.DataFrame(dropped, schema=DROPPED, orient="row"),
    )


def prompt_id(messages: Sequence[Message], mode: str, context: str | None) -> str:
    """Return the sha256 (hex) of a prompt's normalised messages, mode and evidence."""
    folded = [[role, _fold(content)] for role, content in messages]
    text = json.dumps([folded, mode, _fold(context or "")], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def parse_dialogue(text: str) -> list[Message]:
    r"""Split an HH-style ``\n\nHuman: … \n\nAssistant: …`` dialogue into its turns.

    Text before the first marker is not part of any turn and must be empty.

    Returns:
        the turns; an empty list when ``text`` is no such dialogue.
    """
    pieces = _TURN.split("\n\n" + text.lstrip())
    if pieces[0].strip():
        return []
    return [
        Message(_ROLES[speaker], content.strip())
        for speaker, content in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _prompt(source: Source, row: Row) -> dict[str, Any] | NoPrompt:
    """Return a row of the prompts table, or why the source row makes none."""
    if problem := _problem(row):
        return NoPrompt(Why.MALFORMED, problem)
    messages = turns_of(row)
    axis = _axis(source, row)
    mode = row.side.get("mode") or (Mode.COMPLETION if row.column == "text" else Mode.CHAT)
    if isinstance(messages, NoPrompt):
        return messages
    for name, value, known in (("axis", axis, set(Axis)), ("mode", mode, set(Mode))):
        if not isinstance(value, str) or value not in known:
            return NoPrompt(Why.MALFORMED, f"{name} is {_shown(value)}")
    context = row.side.get("context")
    context = (context.strip() or None) if isinstance(context, str) else None
    return {
        "prompt_id": prompt_id(messages, str(mode), context),
        "messages": [message._asdict() for message in messages],
        "mode": str(mode),
        "axis": str(axis),
        "source": source.name,
        "split": source.split,
        "context": context,
    }


def _problem(row: Row) -> str | None:
    """Return what keeps a row's cells from being stored, None where nothing does."""
    for name, cell in {**row.side, row.column: row.cell}.items():
        if problem := unstorable(cell):
            return f"{name} holds {problem}"
    return None


def _shown(value: object) -> str:
    """Return a value as it can be printed, in one line and shortened."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def turns_of(row: Row) -> list[Message] | NoPrompt:
    """Return the turns in a prompt cell, up to the one to be answered, or why there are none."""
    messages = _messages(row)
    if isinstance(messages, NoPrompt):
        return messages
    while messages and messages[-1].role == "assistant":
        messages = messages[:-1]
    empty = NoPrompt(Why.EMPTY_PROMPT, f"nothing to answer in {row.column}")
    return messages if messages and messages[-1].content else empty


def _messages(row: Row) -> list[Message] | NoPrompt:
    """Return the turns in a prompt cell: messages, a dialogue, a document or a plain string."""
    cell = row.cell
    if isinstance(cell, list):
        return _chat(cell)
    if not isinstance(cell, str):
        problem = f"{row.column} is {_shown(cell)}, neither text nor messages"
        return NoPrompt(Why.EMPTY_PROMPT if cell is None else Why.MALFORMED, problem)
    if cell.lstrip().startswith("Human:"):
        return parse_dialogue(cell)
    if row.column == "chosen":
        return NoPrompt(Why.MALFORMED, "chosen holds an answer without its prompt")
    if row.column == "text":
        return [Message("user", opening(cell, OPENING_WORDS))]
    extra = row.side.get("input")
    parts = [cell.strip(), extra.strip() if isinstance(extra, str) else ""]
    return [Message("user", "\n\n".join(part for part in parts if part))]


def _chat(cell: list[Any]) -> list[Message] | NoPrompt:
    turns = []
    for turn in cell:
        if not isinstance(turn, dict):
            return NoPrompt(Why.MALFORMED, f"{_shown(turn)} is no message")
        role, content = turn.get("role"), turn.get("content")
        if not isinstance(role, str) or role not in {"system", "user", "assistant"}:
            return NoPrompt(Why.MALFORMED, f"a message's role is {_shown(role)}")
        if not isinstance(content, str):
            return NoPrompt(Why.MALFORMED, f"a message's content is {_shown(content)}")
        turns.append(Message(role, content.strip()))
    return turns


def _axis(source: Source, row: Row) -> object:
    """Return the axis: as given by the user, the row, HH's subset or the column, in this order."""
    if source.axis or row.side.get("axis"):
        return source.axis or row.side["axis"]
    subset = str(row.side.get("subset") or "")
    for word, axis in (("harmless", Axis.HARMLESSNESS), ("helpful", Axis.HELPFULNESS)):
        if word in subset:
            return axis
    return _AXIS_OF_COLUMN.get(row.column, Axis.HELPFULNESS)


def _draw(found: list[_Prompt], limit: int, seed: int, n_sources: int) -> set[str]:
    """Return up to ``limit`` prompt ids, drawn by hash order and spread evenly over the sources."""
    queues: list[list[str]] = [[] for _ in range(n_sources)]
    for prompt in found:
        queues[prompt.source].append(prompt.prompt_id)
    order = [
        iter(sorted(set(ids), key=lambda i: hashlib.sha256(f"{seed}:{i}".encode()).digest()))
        for ids in queues
    ]
    drawn: set[str] = set()
    while order and len(drawn) < limit:
        for queue in list(order):
            fresh = next((i for i in queue if i not in drawn), None)
            if fresh is None:
                order.remove(queue)
            elif len(drawn) < limit:
                drawn.add(fresh)
    return drawn


def _left_out(prompt_id: str | None, why: Why, detail: str) -> dict[str, Any]:
    return {"prompt_id": prompt_id, "what": "row", "why": str(why), "detail": detail}
