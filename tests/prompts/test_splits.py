"""Which prompts are held out."""

import hashlib

import polars as pl
import pytest

from udasa_data.prompts.splits import split_of, splits_of, with_split

IDS = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(4000)]


def test_the_split_is_what_the_hash_says():
    # sha256("held-out:a") begins c4…, sha256("held-out:d") begins 88…: .77 and .53 of the range
    for one, first_byte in {"a": 0xC4, "d": 0x88}.items():
        assert split_of(one, (first_byte + 1) / 256) == "test"
        assert split_of(one, first_byte / 256) == "train"


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_about_that_share_is_held_out(share):
    held = sum(split_of(one, share) == "test" for one in IDS)
    # binomial: 4 standard deviations
    assert abs(held - share * len(IDS)) < 4 * (share * (1 - share) * len(IDS)) ** 0.5


def test_nothing_is_held_out_at_zero_and_a_larger_share_only_adds():
    assert {split_of(one, 0.0) for one in IDS} == {"train"}
    small = {one for one in IDS if split_of(one, 0.05) == "test"}
    assert small < {one for one in IDS if split_of(one, 0.2) == "test"}


def test_rows_keep_their_order_and_rows_without_a_prompt_are_train():
    table = pl.DataFrame({"prompt_id": [*IDS[:50], None, *IDS[:50]], "n": range(101)})
    found = with_split(table, splits_of(IDS, 0.3))
    assert found.drop("split").equals(table)
    expected = [split_of(one, 0.3) if one else "train" for one in table["prompt_id"]]
    assert found["split"].to_list() == expected
    assert with_split(table.clear(), splits_of([], 0.3)).schema["split"] == pl.String
