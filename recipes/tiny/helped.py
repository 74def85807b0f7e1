"""Two answers to a request for help, and which one people prefer.

PandaLM's test set (github.com/WeOpenML/PandaLM, data/testset-v1.json) and Auto-J's pairs
(github.com/GAIR-NLP/auto-j, data/test/testdata_pairwise.jsonl).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .labelled import measured
from .sources import Preferred, table


def helped(data_dir: Path, *, test: bool) -> list[Preferred]:
    """Return the pairs of both that are learnt from, or those that are measured on."""
    pairs = [*pandalm(data_dir), *autoj(data_dir)]
    return [pair for pair in pairs if measured(pair.prompt) == test]


def pandalm(data_dir: Path) -> Iterator[Preferred]:
    """Yield answers of 7B models to instructions, by the majority of three people."""
    for row in table(data_dir, "pandalm/pandalm").iter_rows(named=True):
        votes = [row[f"annotator{n}"] for n in (1, 2, 3)]
        asked = "\n".join(filter(None, (row["instruction"], row["input"])))
        won = votes.count(1) - votes.count(2)
        yield from decided(asked, row["response1"], row["response2"], won)


def autoj(data_dir: Path) -> Iterator[Preferred]:
    """Yield answers of chat models to requests of 58 scenarios, by people; ties left out."""
    for row in table(data_dir, "autoj_pairwise/autoj_pairwise").iter_rows(named=True):
        won = {0: 1.0, 1: -1.0}.get(int(row["label"]), 0.0)
        yield from decided(row["prompt"], row["response 1"], row["response 2"], won)


def decided(asked: str, first: str, second: str, won: float) -> Iterator[Preferred]:
    """Yield the pair where one of two answers won: the first where ``won`` is positive."""
    if won and first.strip() and second.strip():
        better, worse = (first, second) if won > 0 else (second, first)
        yield Preferred(asked, better.strip(), worse.strip())
