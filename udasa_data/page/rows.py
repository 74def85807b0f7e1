"""The explorer's rows: numbers of all prompts in columns, texts and answers in blocks.

A row is a prompt that was answered, or set aside with nothing to show but its reason. Everything is
compressed and written in base64, an alphabet without ``<``: no text of a model can end a script.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from udasa_data.config import Pairing
from udasa_data.pairing import with_fitness
from udasa_data.runs import Finished
from udasa_data.schema import Stage

Int16s: TypeAlias = NDArray[np.int16]

TEXT_BLOCK: Final = 512  # rows
ANSWER_BLOCK: Final = 32  # rows: opening one costs reading so many
FACTOR: Final = 10_000  # figures are integers of 1/10,000 …
NONE: Final = -32_768  # … and this where there is none
LEVEL: Final = 6

STATES: Final = (
    "other",
    "chosen",
    "rejected",
    "vetoed",
    "truncated",
    "refusal",
    "compliance",
    "evasive",
    "empty",
    "unscored",
)
_SIDES: Final = ("chosen", "rejected")
_U: Final = {"u": "uncertainty", "s": "u_semantic", "f": "u_factual", "v": "u_value"}
_CODES: Final = ("stage", "axis", "source", "why", "run", "answers")
_FIGURES: Final = ("delta", "se", "p", *(f"{letter}_{side}" for letter in _U for side in _SIDES))
COLUMNS: Final = (*_CODES, *(f"tokens_{side}" for side in _SIDES), *_FIGURES)
_KEYS: Final = ["run", "prompt_id"]


class Rows(NamedTuple):
    """The rows of the explorer.

    Attributes:
        total: how many.
        names: what the codes of a column stand for, by column.
        blocks: id → base64 of the compressed content, columns first.
    """

    total: int
    names: dict[str, list[str]]
    blocks: Iterator[tuple[str, str]]


def make_rows(finished: Finished) -> Rows:
    """Return the explorer's rows: a dataset's prompts in its order, then those set aside."""
    answers = _with_states(finished.answers, finished.pairs, finished.manifest.config.pairing)
    table = _prompts(answers, finished.pairs, finished.dropped)
    names = {
        "stage": [str(stage) for stage in Stage],
        **{name: _known(table[name]) for name in ("axis", "source", "why")},
    }
    return Rows(len(table), names, _blocks(table, answers, names))


def _with_states(answers: pl.DataFrame, pairs: pl.DataFrame, rules: Pairing) -> pl.DataFrame:
    """Return the answers with ``state``: what became of each, an index into ``STATES``.

    In pairing's order: the two sides, then why an answer could not be chosen.
    """
    sides = [
        pairs.select(*_KEYS, pl.col(f"{side}_id").alias("sample_id"), state=pl.lit(n + 1))
        for n, side in enumerate(_SIDES)
    ]
    joined = answers.join(
        pl.concat(sides), on=[*_KEYS, "sample_id"], how="left", maintain_order="left"
    )
    unfit = (
        pl.when(pl.col("text") == "")
        .then(STATES.index("empty"))
        .when(~pl.col("uncertainty").is_finite())
        .then(STATES.index("unscored"))
        .when(pl.col("unfit").is_not_null())
        .then(pl.col("unfit").replace_strict({s: n for n, s in enumerate(STATES)}, default=None))
        .otherwise(0)
    )
    judged = with_fitness(joined, rules)
    return judged.with_columns(pl.coalesce("state", unfit).alias("state"))


def _prompts(answers: pl.DataFrame, pairs: pl.DataFrame, dropped: pl.DataFrame) -> pl.DataFrame:
    """Return one row a prompt: its pair, or its least and most uncertain answers and the reason."""
    finite = pl.col("uncertainty").is_finite()
    ids = pl.col("sample_id").filter(finite).sort_by(pl.col("uncertainty").filter(finite))
    prompts = answers.group_by(_KEYS, maintain_order=True).agg(
        pl.col("prompt").first(),
        pl.col("axis").first(),
        pl.col("source").first(),
        pl.len().alias("answers"),
        ids.first().alias("best"),
        pl.when(finite.sum() > 1).then(ids.last()).alias("worst"),
    )
    reasons = (
        dropped.filter(pl.col("what").is_in(["pair", "prompt"]))
        .select(*_KEYS, "why", "value", "limit")
        .unique(_KEYS, keep="first", maintain_order=True)
    )
    staged = pairs.select(
        *_KEYS, "stage", "chosen_id", "rejected_id", "delta_u", "se_delta", "p_chosen_better"
    )
    table = prompts.join(reasons, on=_KEYS, how="full", coalesce=True, maintain_order="left_right")
    table = table.join(staged, on=_KEYS, how="left", maintain_order="left").with_columns(
        pl.coalesce("chosen_id", "best").alias("chosen_id"),
        pl.coalesce("rejected_id", "worst").alias("rejected_id"),
        pl.col("answers").fill_null(0),
    )
    for side in _SIDES:
        of_side = answers.select(
            *_KEYS,
            pl.col("sample_id").alias(f"{side}_id"),
            pl.col("text").alias(f"text_{side}"),
            pl.col("n_tokens").alias(f"tokens_{side}"),
            *(pl.col(column).alias(f"{letter}_{side}") for letter, column in _U.items()),
        )
        table = table.join(of_side, on=[*_KEYS, f"{side}_id"], how="left", maintain_order="left")
    gap = pl.col("u_rejected") - pl.col("u_chosen")
    return table.with_columns(
        pl.coalesce("delta_u", gap).alias("delta"),
        pl.col("se_delta").alias("se"),
        pl.col("p_chosen_better").alias("p"),
    )


def _known(values: pl.Series) -> list[str]:
    return sorted(values.drop_nulls().unique().to_list())


def _blocks(
    table: pl.DataFrame, answers: pl.DataFrame, names: dict[str, list[str]]
) -> Iterator[tuple[str, str]]:
    yield "columns", _packed(_columns(table, names).tobytes())
    bounds = table.select(pl.col("value", "limit").cast(pl.Float32).fill_null(np.nan)).to_numpy()
    yield "bounds", _packed(np.ascontiguousarray(bounds).tobytes())
    shown = ("text_chosen", "text_rejected", "prompt_id", "chosen_id", "rejected_id")
    texts = table.select(_conversation(), *shown).rows()
    for number, start in enumerate(range(0, len(texts), TEXT_BLOCK)):
        yield f"t{number}", _packed(msgspec.json.encode(texts[start : start + TEXT_BLOCK]))
    ends = np.cumsum(table["answers"].to_numpy())
    columns = _answer_columns(answers)
    for number, start in enumerate(range(0, len(table), ANSWER_BLOCK)):
        sizes = table["answers"].slice(start, ANSWER_BLOCK).to_list()
        first = int(ends[start - 1]) if start else 0
        of_block = iter(columns.slice(first, sum(sizes)).rows())
        rows = [_answers_of([next(of_block) for _ in range(size)]) for size in sizes]
        yield f"a{number}", _packed(msgspec.json.encode(rows))


def _answers_of(rows: Sequence[tuple[Any, ...]]) -> tuple[str | None, list[tuple[Any, ...]]]:
    """Return (evidence, answers) of a prompt from its rows of :func:`_answer_columns`."""
    context = rows[0][0] if rows else None
    # 0 and 1 stand for the texts of chosen and rejected, which the text blocks hold already
    return context, [
        (row[1], row[-1] - 1 if row[-1] in {1, 2} else row[2], *row[3:]) for row in rows
    ]


def _answer_columns(answers: pl.DataFrame) -> pl.DataFrame:
    """Return context, sample_id, text, u, s, f, v, cluster, tokens, thoughts, state of all."""
    return answers.select(
        "context",
        "sample_id",
        pl.when(~pl.col("state").is_in([1, 2])).then("text"),
        *((pl.col(c) * FACTOR).round().fill_nan(None).cast(pl.Int32) for c in _U.values()),
        "cluster_id",
        "n_tokens",
        pl.col("reasoning").str.strip_chars().replace("", None),
        "state",
    )


def _columns(table: pl.DataFrame, names: dict[str, list[str]]) -> Int16s:
    """Return [C, N] int16: codes (−1 where there is none), counts, and scaled figures."""
    codes = [
        table[name].replace_strict({x: n for n, x in enumerate(known)}, default=-1).fill_null(-1)
        if (known := names.get(name)) is not None
        else table[name].fill_null(0)
        for name in _CODES
    ]
    tokens = [table[f"tokens_{side}"].fill_null(NONE).clip(NONE, -NONE - 1) for side in _SIDES]
    figures = [
        (table[name] * FACTOR).clip(NONE + 1, -NONE - 1).round().fill_nan(NONE).fill_null(NONE)
        for name in _FIGURES
    ]
    return np.stack([column.to_numpy().astype(np.int16) for column in (*codes, *tokens, *figures)])


def _conversation() -> pl.Expr:
    """Return a prompt as text: one turn as it stands, several with their roles."""
    turn = pl.element().struct
    with_role = pl.format("{}: {}", turn["role"], turn["content"])
    turns = pl.col("prompt").list.eval(with_role).list.join("\n\n")
    only = pl.col("prompt").list.first().struct["content"]
    return pl.when(pl.col("prompt").list.len() == 1).then(only).otherwise(turns).alias("prompt")


def _packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, LEVEL)).decode("ascii")
