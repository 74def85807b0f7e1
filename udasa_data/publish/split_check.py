"""Whether train and test of a dataset share no prompt, by id and by what is asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from udasa_data.prompts import Split, question_of, split_of
from udasa_data.storage import parquet_schema, read_parquet


class SplitFaults(NamedTuple):
    """What is wrong with the splits, one line each, and what was looked at."""

    faults: list[str]
    prompts: int
    held_out: int


def split_faults(files: Iterable[tuple[Path, Split]], share: float) -> SplitFaults:
    """Compare each prompt's split with the one its hash says, and with that of its question.

    Two prompts of the same messages, with other evidence or another id, are one question: it must
    not be trained on and held out.

    Args:
        files: Parquet files with ``prompt_id``, and ``prompt`` where they hold messages; the split
            that each is of.
        share: of the prompts that are held out, as for ``split_of``.
    """
    seen: dict[str, str] = {}
    asked: dict[str, str] = {}
    faults = set()
    for path, split in files:
        columns = [name for name in ("prompt_id", "prompt") if name in parquet_schema(path)]
        rows = read_parquet(path, columns=columns).unique("prompt_id")
        for row in rows.drop_nulls("prompt_id").iter_rows(named=True):
            name = f"prompt {row['prompt_id'][:12]}"
            if seen.setdefault(row["prompt_id"], split) != split:
                faults.add(f"{name} is in both splits")
            elif split_of(row["prompt_id"], share) != split:
                faults.add(f"{name} is in {split}, against its hash")
            elif row.get("prompt"):
                question = question_of((turn["role"], turn["content"]) for turn in row["prompt"])
                if asked.setdefault(question, split) != split:
                    faults.add(f"{name} is in {split}, and its messages are in the other split")
    held_out = sum(split == "test" for split in seen.values())
    return SplitFaults(sorted(faults), len(seen), held_out)
