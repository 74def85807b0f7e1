"""A file of existing answers → the tables that the scoring step takes.

One row an answer: ``text``, and ``prompt_id`` or ``prompt``; optional are ``context``, ``axis``,
``n_tokens``, ``finish_reason``, and the policy's ``sum_logprob`` (or ``logprob``) and
``mean_logprob``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError, nearest
from udasa_data.languages import count_words
from udasa_data.prompts import (
    PROMPT_COLUMNS,
    Columns,
    NoPrompt,
    Row,
    Source,
    excerpt,
    prompt_columns,
    read_prompt,
    read_table,
    shows_nothing,
    side_columns,
    word_of,
)
from udasa_data.schema import ADDED, PROMPTS, Axis, Why
from udasa_data.scoring.answer_cells import NUMBERS, Cells
from udasa_data.scoring.answer_shapes import CONVERSATIONS, one_row_an_answer

CUT: Final = frozenset({"length", "max_tokens", "MAX_TOKENS"})


class GivenAnswers(NamedTuple):
    """A file's answers.

    Attributes:
        table: the file as it is, with the ``prompt_id`` that was made where it has none.
        prompts: one row a prompt (schema ``PROMPTS``), in order of first appearance.
        samples: one row for each of the table's, in its order: ``prompt_id, sample_id, text``
            (empty where missing or blank), ``sum_logprob``, ``mean_logprob`` (nats, NaN where not
            known), ``finish_reason`` (stop | length), and the length.
        length: the column of lengths: ``n_tokens``, or ``n_words`` where tokens are not known.
        notes: what a user should know of what was missing.
    """

    table: pl.DataFrame
    prompts: pl.DataFrame
    samples: pl.DataFrame
    length: str
    notes: list[str]


def read_answers(
    path: Path | Source,
    labels: str | None = None,
    *,
    need_logprobs: bool = False,
    columns: Sequence[str] = (),
) -> GivenAnswers:
    """Read a file, or another place of rows, with one row an answer, or several answers a row.

    Args:
        path: of the file; or a place in any form that prompts are read from.
        labels: the column of labels, 1 or true for a wrong answer; in ``samples`` it is ``wrong``.
        need_logprobs: whether every answer must have its mean log-probability.
        columns: of the answers; none finds them.

    Raises:
        UserError: unreadable, without a column that is needed, with one that scoring would add,
            or with a cell that cannot be meant; says where.
    """
    of_each = {*NUMBERS, *([labels] if labels else [])}
    found = read_table(path, {"text", "prompt_id", "axis", *of_each})
    given = one_row_an_answer(path, found, of_each, columns)
    cells = Cells(path, given.found)
    if clash := [name for name in cells.table.columns if name in ADDED]:
        raise UserError(
            f"{path}: has a column '{clash[0]}' already, which scoring adds; rename it or "
            "leave it out"
        )
    ids, prompts, notes = _prompts(cells, given.columns)
    samples, length = _samples(cells, ids, given.texts)
    if labels:
        samples = samples.with_columns(wrong=cells.labels(labels))
    unknown = samples["mean_logprob"].is_nan() & (samples["text"] != "")
    if need_logprobs and unknown.any():
        raise UserError(
            f"{path}, {cells.places[unknown.arg_true()[0]]}: the semantic estimator needs "
            "log-probabilities; give 'mean_logprob', or 'sum_logprob' and 'n_tokens'"
        )
    table = cells.table if cells.has("prompt_id") else cells.table.with_columns(prompt_id=ids)
    if not cells.has("text"):
        table = table.with_columns(text=pl.Series(given.texts, dtype=pl.String))
    notes = [*given.found.notes, *notes, *_notes(cells, length)]
    return GivenAnswers(table, prompts, samples, length, notes)


def _prompts(cells: Cells, answers: Sequence[str]) -> tuple[pl.Series, pl.DataFrame, list[str]]:
    """Return each row's prompt_id, the prompts in order of first appearance, and notes."""
    given_ids = _given_ids(cells)
    rows = cells.table.to_dicts()
    columns, notes = _prompt_columns(cells, rows, answers)
    if not columns.prompt and given_ids is None:
        raise UserError(
            f"{cells.path}: no column 'prompt_id' or 'prompt' to say which answers belong "
            f"together; it has {', '.join(cells.table.columns)}"
        )
    # an id made here is that of prompt and evidence: only the axis may differ
    compared = (*columns.prompt, *columns.side) if given_ids else ("axis",)
    ids: list[str] = []
    first: dict[str, int] = {}
    prompts: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        key = given_ids[number] if given_ids else None
        if key is None or key not in first:
            prompt = _prompt(cells, number, key, columns, row)
            key = str(prompt["prompt_id"])
            if key not in first:
                prompts.append(prompt)
        first_row = first.setdefault(key, number)
        ids.append(key)
        for name in compared:
            if name not in answers and row.get(name) != rows[first_row].get(name):
                same = f"differs from {cells.places[first_row]}, an answer to the same prompt"
                raise cells.fault(number, name, same)
    table = pl.DataFrame(prompts, schema=PROMPTS, orient="row")
    return pl.Series("prompt_id", ids), table, notes


def _prompt_columns(
    cells: Cells, rows: Sequence[dict[str, Any]], answers: Sequence[str]
) -> tuple[Columns, list[str]]:
    """Return the columns of the prompts, of which there may be none, and what was not read."""
    names = [name for name in cells.table.columns if name != "mode"]  # all are read as chat turns
    talks = [name for name in answers if name in CONVERSATIONS]
    known = [name for name in PROMPT_COLUMNS if name not in {"text", "chosen", *answers}]
    prompt = prompt_columns(rows, names, known) or tuple(talks)
    side, notes = side_columns(rows, names, {*prompt, *answers})
    return Columns(prompt, side, notes), list(notes)


def _given_ids(cells: Cells) -> list[str] | None:
    """Return the prompt_id of each row as a string; None where the file has no such column."""
    if not cells.has("prompt_id"):
        return None
    column = cells.table["prompt_id"]
    ids = column.cast(pl.String) if column.dtype.is_integer() else cells.strings("prompt_id")
    missing = (ids.fill_null("") == "").arg_true()
    if len(missing):
        raise cells.fault(int(missing[0]), "prompt_id", "empty; each answer needs its prompt's id")
    return ids.to_list()


def _prompt(
    cells: Cells, number: int, known: str | None, columns: Columns, row: dict[str, Any]
) -> dict[str, Any]:
    """Return a row of the prompts table; without an id of its own, it gets its texts' hash."""
    name, cell = columns.cell(row) if columns.prompt else ("prompt", None)
    axis = word_of(row.get("axis")) if "axis" in columns.side else None
    if axis and axis not in list(Axis):
        problem = f"unknown axis {excerpt(axis)}{nearest(str(axis), Axis)}"
        raise cells.fault(number, "axis", problem)
    side = {key: row.get(key) for key in columns.side}
    prompt = read_prompt(Row("", name, cell, side), None)
    if isinstance(prompt, NoPrompt) and prompt.why is Why.MALFORMED:
        problem = f"text or a list of messages (role, content) is needed ({prompt.detail})"
        raise cells.fault(number, name, problem)
    if isinstance(prompt, NoPrompt):
        if known is None:
            raise cells.fault(number, name, "empty; give it, or a column 'prompt_id'")
        nothing = read_prompt(Row("", name, "-", side), None)
        assert isinstance(nothing, dict)
        prompt = nothing | {"messages": [{"role": "user", "content": ""}]}
    return prompt | {
        "prompt_id": known or prompt["prompt_id"],
        "source": cells.path.name,
        "split": None,
    }


def _samples(cells: Cells, ids: pl.Series, texts: Sequence[str | None]) -> tuple[pl.DataFrame, str]:
    text = pl.Series("text", texts, dtype=pl.String).fill_null("")
    tokens = cells.numbers("n_tokens")
    wrong = ((tokens < 0) | (tokens != tokens.floor())).arg_true()
    if len(wrong):
        raise cells.fault(int(wrong[0]), "n_tokens", "a whole number from 0 up is needed")
    total = cells.logprobs("sum_logprob" if cells.has("sum_logprob") else "logprob")
    mean = cells.logprobs("mean_logprob")
    per_token = tokens.clip(lower_bound=1)
    known = pl.DataFrame({"sum": total, "mean": mean, "n": per_token}).select(
        sum_logprob=pl.coalesce("sum", pl.col("mean") * pl.col("n")).fill_null(float("nan")),
        mean_logprob=pl.coalesce("mean", pl.col("sum") / pl.col("n")).fill_null(float("nan")),
    )
    length = "n_words" if tokens.has_nulls() else "n_tokens"
    samples = pl.DataFrame(
        {
            "prompt_id": ids,
            "text": text,
            length: [count_words(answer) for answer in text] if tokens.has_nulls() else tokens,
            **known.to_dict(),
            # as servers say it; whatever else they say, the answer came to its end
            "finish_reason": pl.Series(
                ["length" if why in CUT else "stop" for why in cells.raw("finish_reason")],
                dtype=pl.String,
            ),
        }
    )
    seen = pl.Series("text", ["" if shows_nothing(answer) else answer for answer in text])
    number = pl.int_range(pl.len(), dtype=pl.Int32).over("prompt_id")
    return samples.with_columns(seen, sample_id=number), length


def _notes(cells: Cells, length: str) -> list[str]:
    notes = []
    if not any(cells.has(name) for name in PROMPT_COLUMNS if name not in {"text", "chosen"}):
        notes.append(
            "no column 'prompt': the value scorers saw an empty question, and one-sentence answers "
            "were compared without theirs"
        )
    if not any(cells.has(name) for name in ("sum_logprob", "logprob", "mean_logprob")):
        notes.append("no log-probabilities: semantic_entropy_rb is NaN")
    if length == "n_words":
        notes.append("lengths are counted in words: not every row has 'n_tokens'")
    return notes
