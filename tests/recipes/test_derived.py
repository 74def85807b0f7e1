"""Rejected answers of the first round, in a later round's pairs."""

import polars as pl
import pytest
from small_dataset import save_dataset

from udasa_data.errors import UserError
from udasa_recipes.staged.derived import _with_rejected, anchored


def test_a_row_gets_the_first_rounds_answer():
    table = pl.DataFrame(
        {
            "prompt_id": ["a", "b", "c"],
            "chosen": ["x", "y", "z"],
            "rejected": ["1", "2", "3"],
            "reasoning_rejected": [None, None, None],
            "finish_reason_rejected": ["stop", "stop", "stop"],
        },
        schema_overrides={"reasoning_rejected": pl.String},
    )
    first = pl.DataFrame(
        {
            "prompt_id": ["a", "b"],
            "rejected": ["first", "y"],  # b: what is chosen now
            "reasoning_rejected": ["hm", None],
            "finish_reason_rejected": ["length", "stop"],
        }
    )
    (row,) = _with_rejected(table, first).to_dicts()
    assert row == {
        "prompt_id": "a", "chosen": "x", "rejected": "first", "reasoning_rejected": "hm",
        "finish_reason_rejected": "length",
    }  # fmt: skip


def test_no_prompt_in_common(tmp_path):
    own = save_dataset(tmp_path / "own", train=3)

    def other(table, *_):
        return table.with_columns(pl.col("prompt_id") + "x")

    first = save_dataset(tmp_path / "first", train=3, change=other)
    with pytest.raises(UserError, match="the first round has no pair of any of its prompts"):
        anchored(own, first, tmp_path / "anchored")
