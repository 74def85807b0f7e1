"""The first step: sources → the prompts table, without duplicates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError
from udasa_data.prompts.identity import fold, question_in
from udasa_data.prompts.rows import read_prompt
from udasa_data.prompts.source_rows import SourceRows, read_rows
from udasa_data.prompts.sources import Source, parse_source
from udasa_data.prompts.turns import NoPrompt
from udasa_data.schema import DROPPED, PROMPTS, Why

_SHOWN: Final = 3  # reasons, where nothing is left


class LeftOut(NamedTuple):
    """Rows that make no prompt for one reason.

    Attributes:
        why: as in the column ``why`` of the dropped rows.
        problem: what is wrong with them.
        rows: how many.
        example: the first of them: where it stands, and what was found.
    """

    why: Why
    problem: str
    rows: int
    example: str

    @property
    def in_words(self) -> str:
        """The reason in one line."""
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        why = self.why.value.replace("_", " ")
        return f"{rows} left out, {why}: {self.problem}; as in {self.example}"


class LoadedPrompts(NamedTuple):
    """The prompts table, and what was left out of it.

    Attributes:
        prompts: schema ``PROMPTS``.
        dropped: rows that make no prompt of their own, schema ``DROPPED``.
        left_out: the same by reason, most first.
        notes: what a user should know of the columns that were not read.
    """

    prompts: pl.DataFrame
    dropped: pl.DataFrame
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


class _Prompt(NamedTuple):
    prompt_id: str
    source: int
    row: dict[str, Any]
    where: str


class _Dropped(NamedTuple):
    prompt_id: str | None
    reason: NoPrompt
    where: str


def load_prompts(
    sources: Sequence[str],
    *,
    limit: int | None,
    seed: int,
    commits: dict[str, str],
    near_duplicates: str = "keep",
    read: Mapping[str, SourceRows] | None = None,
) -> LoadedPrompts:
    """Read, normalise and deduplicate prompts.

    Args:
        sources: as given with ``--prompts``.
        limit: at most so many prompts: a random draw (by ``seed``), spread evenly over the
            sources; None takes all.
        seed: of that draw.
        commits: the commit of each Hub dataset, by its place.
        near_duplicates: ``drop`` keeps the first of prompts that differ in nothing but case, white
            space and forms of characters (NFKC); ``keep`` keeps them all.
        read: the rows of sources that were read already, by the text of the source.

    Returns:
        prompts in the order of the sources, and the rows set aside (``what = "row"``).

    Raises:
        UserError: a source cannot be read, or nothing is left of all of them.
    """
    parsed = [parse_source(text) for text in sources]
    rows = [
        (read or {}).get(text) or read_rows(source, commits.get(source.place, "main"))
        for text, source in zip(sources, parsed, strict=True)
    ]
    found, dropped, notes = _read(parsed, rows)
    if not found:
        raise _nothing_left(parsed, dropped)
    kept, repeated = _distinct(found, near_duplicates=near_duplicates == "keep")
    if limit is not None:
        drawn = _draw(found, kept, limit, seed, len(parsed))
        kept = {key: prompt for key, prompt in kept.items() if key in drawn}
    dropped += [row for row in repeated if row.prompt_id in kept]
    return LoadedPrompts(
        pl.DataFrame([prompt.row for prompt in kept.values()], schema=PROMPTS, orient="row"),
        pl.DataFrame([_record(row) for row in dropped], schema=DROPPED, orient="row"),
        tuple(_by_reason(dropped)),
        notes,
    )


def _nothing_left(sources: Sequence[Source], dropped: Sequence[_Dropped]) -> UserError:
    places = ", ".join(source.place for source in sources)
    found = (f"{part.problem} ({part.example})" for part in _by_reason(dropped)[:_SHOWN])
    return UserError(
        f"{places}: every prompt is empty or malformed: {'; '.join(found)}; nothing to build from"
    )


def _read(
    sources: Sequence[Source], rows_of: Sequence[SourceRows]
) -> tuple[list[_Prompt], list[_Dropped], tuple[str, ...]]:
    found: list[_Prompt] = []
    dropped: list[_Dropped] = []
    notes: list[str] = []
    for number, (source, of_source) in enumerate(zip(sources, rows_of, strict=True)):
        notes += of_source.notes
        for row in of_source.rows:
            prompt = read_prompt(row, source.axis)
            if isinstance(prompt, NoPrompt):
                dropped.append(_Dropped(None, prompt, row.where))
                continue
            prompt |= {"source": source.name, "split": source.split}
            found.append(_Prompt(prompt["prompt_id"], number, prompt, row.where))
    return found, dropped, tuple(dict.fromkeys(notes))


def _distinct(
    found: Sequence[_Prompt], *, near_duplicates: bool
) -> tuple[dict[str, _Prompt], list[_Dropped]]:
    """Return the first prompt of each id, and the rows that repeat one of them."""
    kept: dict[str, _Prompt] = {}
    folded: dict[tuple[str, ...], _Prompt] = {}
    repeated = []
    for prompt in found:
        key = (question_in(prompt.prompt_id), prompt.row["mode"], fold(prompt.row["context"] or ""))
        near = prompt if near_duplicates else folded.setdefault(key, prompt)
        first = kept.get(prompt.prompt_id, near)
        if first is prompt:
            kept[prompt.prompt_id] = prompt
            continue
        is_same = first.prompt_id == prompt.prompt_id
        why = Why.DUPLICATE if is_same else Why.NEAR_DUPLICATE
        problem = "the prompt of another row" if is_same else "nearly the prompt of another row"
        reason = NoPrompt(why, problem, f"repeats {first.where}")
        repeated.append(_Dropped(first.prompt_id, reason, prompt.where))
    return kept, repeated


def _by_reason(dropped: Sequence[_Dropped]) -> list[LeftOut]:
    """Return how many rows were left out for which reason, most first."""
    groups: dict[tuple[Why, str], list[_Dropped]] = {}
    for row in dropped:
        groups.setdefault((row.reason.why, row.reason.problem), []).append(row)
    reasons = []
    for (why, problem), rows in groups.items():
        first = rows[0]
        words = problem.replace("{found}", "…")
        example = f"{first.where}: {first.reason.found}" if first.reason.found else first.where
        reasons.append(LeftOut(why, words, len(rows), example))
    return sorted(reasons, key=lambda reason: -reason.rows)


def _draw(
    found: Sequence[_Prompt], kept: dict[str, _Prompt], limit: int, seed: int, n_sources: int
) -> set[str]:
    """Return up to ``limit`` prompt ids, drawn by hash order and spread evenly over the sources."""
    queues: list[list[str]] = [[] for _ in range(n_sources)]
    for prompt in found:
        if prompt.prompt_id in kept:
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


def _record(row: _Dropped) -> dict[str, Any]:
    why, detail = row.reason.why, row.reason.detail
    detail = f"{row.where} {row.reason.found}" if row.prompt_id else f"{row.where}: {detail}"
    return {"prompt_id": row.prompt_id, "what": "row", "why": str(why), "detail": detail}
