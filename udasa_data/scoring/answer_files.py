"""A file of existing answers → the tables that the scoring step takes.

One row an answer: ``text``, and ``prompt_id`` or ``prompt``; optional are ``context``, ``axis``,
``reasoning`` (what was said before the text), ``n_tokens``, ``finish_reason``, and the policy's
``sum_logprob`` (or ``logprob``) and ``mean_logprob``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.engines import Thoughts
from udasa_data.errors import UserError, nearest
from udasa_data.languages import count_words
from udasa_data.prompts import FileTable, NoPrompt, Row, prompt_id, read_table, turns_of
from udasa_data.schema import ADDED, PROMPTS, Axis, Mode, Why

CUT: Final = frozenset({"length", "max_tokens", "MAX_TOKENS"})
_PARTS: Final = Thoughts()
_ROUNDING: Final = 1e-6  # by which a log-probability of 1 may come out above 0


class GivenAnswers(NamedTuple):
    """A file's answers.

    Attributes:
        table: the file as it is, with the ``prompt_id`` that was made where it has none.
        prompts: one row a prompt (schema ``PROMPTS``), in order of first appearance.
        samples: one row for each of the table's, in its order: ``prompt_id, sample_id, text``
            (the answer; empty where missing or blank), ``reasoning``, ``sum_logprob``,
            ``mean_logprob`` (nats, NaN where not known), ``finish_reason`` (stop | length), and
            the length.
        length: the column of lengths: ``n_tokens``, or ``n_words`` where tokens are not known.
        notes: what a user should know of what was missing.
    """

    table: pl.DataFrame
    prompts: pl.DataFrame
    samples: pl.DataFrame
    length: str
    notes: list[str]


class _Cells:
    """The known columns of a file, checked; a fault names file, place and column."""

    def __init__(self, path: Path, found: FileTable) -> None:
        self.path = path
        self.table = found.table
        self.places = found.places

    def has(self, name: str) -> bool:
        return name in self.table.columns

    def fault(self, row: int, column: str, problem: str) -> UserError:
        return UserError(f"{self.path}, {self.places[row]}, column '{column}': {problem}")

    def raw(self, name: str) -> list[Any]:
        """Return the cells of a column; None everywhere where there is none."""
        return self.table[name].to_list() if self.has(name) else [None] * len(self.table)

    def strings(self, name: str) -> pl.Series:
        """Return a column of strings, null where missing."""
        if not self.has(name):
            return pl.Series(name, [None] * len(self.table), dtype=pl.String)
        column = self.table[name]
        if column.dtype in (pl.Categorical, pl.Enum, pl.Null):
            column = column.cast(pl.String)
        if column.dtype != pl.String:
            row = int(column.is_not_null().arg_true()[0])
            raise self.fault(row, name, f"text is needed, not {column.dtype}")
        return column

    def numbers(self, name: str) -> pl.Series:
        """Return a column of finite numbers, null where missing or, in a CSV file, empty."""
        if not self.has(name):
            return pl.Series(name, [None] * len(self.table), dtype=pl.Float64)
        raw = self.table[name]
        if raw.dtype == pl.String:
            raw = raw.str.strip_chars().replace("", None)
        elif not (raw.dtype.is_numeric() or raw.dtype == pl.Null):
            raise self.fault(0, name, f"a number is needed, not {raw.dtype}")
        column = raw.cast(pl.Float64, strict=False)
        self._refuse(name, column.is_null() & raw.is_not_null(), "a number is needed")
        problem = "NaN or infinite; leave the cell empty where the value is not known"
        self._refuse(name, ~column.is_finite(), problem)
        return column

    def logprobs(self, name: str) -> pl.Series:
        """Return a column of log-probabilities in nats, null where missing."""
        column = self.numbers(name)
        self._refuse(name, column > _ROUNDING, "a log-probability is at most 0")
        return column

    def labels(self, name: str) -> pl.Series:
        """Return a column of labels as 0.0, 1.0, or NaN where missing."""
        if not self.has(name):
            raise UserError(f"{self.path}: no column '{name}'{nearest(name, self.table.columns)}")
        raw = self.table[name]
        if raw.dtype == pl.Boolean:
            return raw.cast(pl.Float64).fill_null(float("nan"))
        column = self.numbers(name)
        self._refuse(name, ~column.is_in([0.0, 1.0]), "a label is 0 (right) or 1 (wrong)")
        return column.fill_null(float("nan"))

    def _refuse(self, name: str, wrong: pl.Series, problem: str) -> None:
        rows = wrong.arg_true()
        if len(rows):
            row = int(rows[0])
            raise self.fault(row, name, f"{problem} (it holds {self.table[name][row]})")


def read_answers(
    path: Path, labels: str | None = None, *, need_logprobs: bool = False
) -> GivenAnswers:
    """Read a .parquet, .jsonl or .csv file with one row an answer.

    Args:
        path: of the file.
        labels: the column of labels, 1 or true for a wrong answer; in ``samples`` it is ``wrong``.
        need_logprobs: whether every answer must have its mean log-probability.

    Raises:
        UserError: unreadable, without a column that is needed, with one that scoring would add,
            or with a cell that cannot be meant; says where.
    """
    cells = _Cells(path, read_table(path))
    _check_columns(cells)
    ids, prompts = _prompts(cells)
    samples, length = _samples(cells, ids)
    if labels:
        samples = samples.with_columns(wrong=cells.labels(labels))
    unknown = samples["mean_logprob"].is_nan() & (samples["text"] != "")
    if need_logprobs and unknown.any():
        raise UserError(
            f"{path}, {cells.places[unknown.arg_true()[0]]}: the semantic estimator needs "
            "log-probabilities; give 'mean_logprob', or 'sum_logprob' and 'n_tokens'"
        )
    table = cells.table if cells.has("prompt_id") else cells.table.with_columns(prompt_id=ids)
    return GivenAnswers(table, prompts, samples, length, _notes(cells, length))


def _check_columns(cells: _Cells) -> None:
    names = cells.table.columns
    there = f"it has {', '.join(names)}"
    if not cells.has("text"):
        raise UserError(f"{cells.path}: no column 'text' with the answers; {there}")
    if not (cells.has("prompt_id") or cells.has("prompt")):
        raise UserError(
            f"{cells.path}: no column 'prompt_id' or 'prompt' to say which answers belong "
            f"together; {there}"
        )
    if clash := [name for name in names if name in ADDED]:
        raise UserError(
            f"{cells.path}: has a column '{clash[0]}' already, which scoring adds; rename it or "
            "leave it out"
        )


def _prompts(cells: _Cells) -> tuple[pl.Series, pl.DataFrame]:
    """Return each row's prompt_id, and the prompts in order of first appearance."""
    given_ids = _given_ids(cells)
    columns = {
        "prompt": cells.raw("prompt"),
        "context": cells.strings("context").to_list(),
        "axis": cells.strings("axis").to_list(),
    }
    ids: list[str] = []
    first: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for row in range(len(cells.table)):
        key = given_ids[row] if given_ids else None
        if key is None or key not in first:
            prompt = _prompt(cells, row, key, {name: cell[row] for name, cell in columns.items()})
            key = str(prompt["prompt_id"])
            if key not in first:
                rows.append(prompt)
        first_row = first.setdefault(key, row)
        ids.append(key)
        # an id made here is that of the folded prompt and context: only the axis may differ
        for name in columns if given_ids else ("axis",):
            if columns[name][row] != columns[name][first_row]:
                same = f"differs from {cells.places[first_row]}, an answer to the same prompt"
                raise cells.fault(row, name, same)
    return pl.Series("prompt_id", ids), pl.DataFrame(rows, schema=PROMPTS, orient="row")


def _given_ids(cells: _Cells) -> list[str] | None:
    """Return the prompt_id of each row as a string; None where the file has no such column."""
    if not cells.has("prompt_id"):
        return None
    column = cells.table["prompt_id"]
    ids = column.cast(pl.String) if column.dtype.is_integer() else cells.strings("prompt_id")
    missing = (ids.fill_null("") == "").arg_true()
    if len(missing):
        raise cells.fault(int(missing[0]), "prompt_id", "empty; each answer needs its prompt's id")
    return ids.to_list()


def _prompt(cells: _Cells, row: int, known: str | None, record: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the prompts table; without an id of its own, it gets its texts' hash."""
    axis = record["axis"] or Axis.HELPFULNESS.value
    if axis not in set(Axis):
        raise cells.fault(row, "axis", f"unknown axis '{axis}'{nearest(axis, Axis)}")
    turns = turns_of(Row("", "prompt", record["prompt"], {}))
    if isinstance(turns, NoPrompt) and turns.why is Why.MALFORMED:
        raise cells.fault(row, "prompt", "text or a list of messages (role, content) is needed")
    context = (record["context"] or "").strip() or None
    if isinstance(turns, NoPrompt):
        if known is None:
            raise cells.fault(row, "prompt", "empty; give it, or a column 'prompt_id'")
        messages = [{"role": "user", "content": ""}]
    else:
        known = known or prompt_id(turns, Mode.CHAT, context)
        messages = [turn._asdict() for turn in turns]
    return {
        "prompt_id": known,
        "messages": messages,
        "mode": Mode.CHAT.value,
        "axis": axis,
        "source": cells.path.name,
        "split": None,
        "context": context,
    }


def _samples(cells: _Cells, ids: pl.Series) -> tuple[pl.DataFrame, str]:
    before = cells.strings("reasoning").fill_null("")
    parted = [
        _PARTS.part(said)._replace(**({"reasoning": given} if given else {}))
        for said, given in zip(cells.strings("text").fill_null(""), before, strict=True)
    ]
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
            "text": [said.answer for said in parted],
            "reasoning": pl.Series(
                [said.reasoning if said.reasoning.strip() else None for said in parted],
                dtype=pl.String,
            ),
            length: (
                [count_words(said.reasoning + said.answer) for said in parted]
                if tokens.has_nulls()
                else tokens
            ),
            **known.to_dict(),
            # as servers say it; whatever else they say, the answer came to its end
            "finish_reason": pl.Series(
                [
                    "length" if why in CUT or not said.closed else "stop"
                    for why, said in zip(cells.raw("finish_reason"), parted, strict=True)
                ],
                dtype=pl.String,
            ),
        }
    )
    number = pl.int_range(pl.len(), dtype=pl.Int32).over("prompt_id")
    return samples.with_columns(sample_id=number), length


def _notes(cells: _Cells, length: str) -> list[str]:
    notes = []
    if not cells.has("prompt"):
        notes.append(
            "no column 'prompt': the value scorers saw an empty question, and one-sentence answers "
            "were compared without theirs"
        )
    if not any(cells.has(name) for name in ("sum_logprob", "logprob", "mean_logprob")):
        notes.append("no log-probabilities: semantic_entropy_rb is NaN")
    if length == "n_words":
        notes.append("lengths are counted in words: not every row has 'n_tokens'")
    return notes
