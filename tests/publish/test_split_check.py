"""Train and test share no prompt, and no question under another id or with other evidence."""

import polars as pl
import pytest

from udasa_data.prompts import prompt_id, split_of
from udasa_data.publish.split_check import split_faults

SHARE = 0.5
ASKED = [{"role": "user", "content": "Who wrote Emma?"}]
# ids that someone else gave: their hashes part them
TRAIN, TEST = (
    next(i for i in "abcdefgh" if split_of(i, SHARE) == split) for split in ("train", "test")
)


@pytest.fixture
def files(tmp_path):
    def make(**rows):
        found = []
        for split, ids in rows.items():
            path = tmp_path / f"{split}.parquet"
            pl.DataFrame([{"prompt_id": one, "prompt": ASKED} for one in ids]).write_parquet(path)
            found.append((path, split))
        return found

    return make


def test_one_question_under_two_ids(files):
    (fault,) = split_faults(files(train=[TRAIN], test=[TEST]), SHARE).faults
    assert fault == f"prompt {TEST} is in test, and its messages are in the other split"


def test_one_question_with_several_passages_is_in_one_split(files):
    ids = [prompt_id([("user", "Who wrote Emma?")], "chat", f"Passage {n}.") for n in range(9)]
    (split,) = {split_of(one, SHARE) for one in ids}
    found = split_faults(files(**{split: ids}), SHARE)
    assert found.faults == []
    assert (found.prompts, found.held_out) == (9, 9 if split == "test" else 0)


def test_against_the_hash_and_in_both(files):
    assert split_faults(files(train=[TEST]), SHARE).faults == [
        f"prompt {TEST} is in train, against its hash"
    ]
    found = split_faults(files(train=[TRAIN], test=[TRAIN]), SHARE)
    assert found.faults == [f"prompt {TRAIN} is in both splits"]


def test_files_without_messages_are_checked_by_id(tmp_path):
    pl.DataFrame({"prompt_id": [TEST, None]}).write_parquet(tmp_path / "dropped.parquet")
    found = split_faults([(tmp_path / "dropped.parquet", "train")], SHARE)
    assert found.faults == [f"prompt {TEST} is in train, against its hash"]
