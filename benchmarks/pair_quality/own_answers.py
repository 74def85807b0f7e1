"""A policy's own answers to questions with gold answers: a right one needs no judge."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Final

import polars as pl

from benchmarks.pair_quality.corpora import Labelled
from benchmarks.pair_quality.labels import answers_of
from udasa_data.config import resolve
from udasa_data.pipeline import build
from udasa_eval.judging import included

CORPUS: Final = "trivia_qa"
_SAMPLING: Final = {"samples": 8, "max_tokens": 32, "temperature": 0.7, "top_p": 0.95}


def sample(data: Path, model: str, n: int, run: Path, scorers: str) -> pl.DataFrame:
    """Build a model's pairs over ``n`` questions of TriviaQA, and return its scored answers."""
    asked = pl.read_parquet(data / "qa/triviaqa_sample.parquet").sample(n, seed=5)
    file = run.with_suffix(".jsonl")
    rows = asked.select(pl.col("question").alias("prompt"), pl.lit("truthfulness").alias("axis"))
    rows.write_ndjson(file)
    options = {"prompts": [str(file)], "sampling": _SAMPLING, "shard_size": 32}
    build(resolve(model, options, scorers=scorers), run)
    return answers_of(run)


def labelled(answers: pl.DataFrame, data: Path) -> Mapping[str, Labelled]:
    """Return the questions with their distinct answers: a right one is better than a wrong one."""
    known = pl.read_parquet(data / "qa/triviaqa_sample.parquet").select("question", "answers")
    gold = dict(known.iter_rows())
    found = {}
    for (asked,), group in answers.group_by("asked", maintain_order=True):
        texts = tuple(dict.fromkeys(group["text"].to_list()))
        right = [bool(included(text, gold[asked])) for text in texts]
        places = product(range(len(texts)), repeat=2)
        better = frozenset((i, j) for i, j in places if right[i] and not right[j])
        found[str(asked)] = Labelled(CORPUS, str(asked), texts, better, "truthfulness")
    return found
