"""Which prompts are held out: by the hash of the question alone, the same everywhere and always."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import polars as pl

from udasa_data.prompts.identity import question_in

Split: TypeAlias = Literal["train", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "test")

# A word of our own before the id: other draws by hash (--limit) must not decide this one.
_SALT: Final = "held-out:"


def split_of(prompt_id: str, share: float) -> Split:
    """Return the split of a prompt.

    The first 64 bits of a hash, as a number in [0, 1), are compared with ``share``: a prompt has
    the same split in every configuration and every run, and a larger share only adds to ``test``.
    It is the split of its question: the same messages with other evidence have the same.

    Args:
        prompt_id: as in the tables.
        share: of the prompts that are held out on average, in [0, 1).
    """
    digest = hashlib.sha256(f"{_SALT}{question_in(prompt_id)}".encode()).digest()
    return "test" if int.from_bytes(digest[:8], "big") < share * 2**64 else "train"


def splits_of(ids: Iterable[str], share: float) -> pl.DataFrame:
    """Return the split of each prompt: ``prompt_id, split``, one row an id."""
    rows = [(prompt_id, split_of(prompt_id, share)) for prompt_id in dict.fromkeys(ids)]
    return pl.DataFrame(rows, {"prompt_id": pl.String, "split": pl.String}, orient="row")


def with_split(table: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return the table with a column ``split``; rows that have no ``prompt_id`` are ``train``.

    Args:
        table: with ``prompt_id``.
        splits: of every prompt in it, see :func:`splits_of`.
    """
    joined = table.join(splits, on="prompt_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("split").fill_null("train"))
