"""Policies' own answers to questions with gold answers: a right one needs no judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Final

import polars as pl

from benchmarks.pair_quality.corpora import Labelled
from benchmarks.pair_quality.labels import answers_of, with_labels
from udasa_data.config import resolve
from udasa_data.pipeline import build
from udasa_data.runs import read_manifest
from udasa_eval.judging import included
from udasa_recipes.evidence.questions import questions

CORPUS: Final = "own answers"
_ALL: Final = 100_000  # questions: all of them
_SUFFIX: Final = " Answer in a few words."  # as evidence.yaml asks
_SAMPLING: Final = {"samples": 8, "max_tokens": 32, "temperature": 0.7, "top_p": 0.95}


def sampled(
    data: Path, model: str, n: int, run: Path, scorers: str
) -> tuple[pl.DataFrame, Mapping[str, Labelled]]:
    """Build a model's pairs over ``n`` questions of TriviaQA; return answers and labels."""
    asked = pl.read_parquet(data / "qa/triviaqa_sample.parquet").sample(n, seed=5)
    file = run.with_suffix(".jsonl")
    rows = asked.select(pl.col("question").alias("prompt"), pl.lit("truthfulness").alias("axis"))
    rows.write_ndjson(file)
    options = {"prompts": [str(file)], "sampling": _SAMPLING, "shard_size": 32}
    build(resolve(model, options, scorers=scorers), run)
    return labelled(answers_of(run), dict(asked.select("question", "answers").iter_rows()))


def own_runs(
    data: Path, runs: Sequence[Path]
) -> Iterator[tuple[str, pl.DataFrame, Mapping[str, Labelled]]]:
    """Yield the name, scored answers and labels of finished builds of ``udasa-train evidence``.

    What they were asked beside questions with gold answers is left out.
    """
    gold = {question.text: question.gold for question in questions(data, _ALL)}
    for run in runs:
        policy = Path(read_manifest(run / "dataset").config.policy.id).name
        answers = answers_of(run).with_columns(pl.col("asked").str.strip_suffix(_SUFFIX))
        yield policy, *labelled(answers, gold)


def labelled(
    answers: pl.DataFrame, gold: Mapping[str, Sequence[str]]
) -> tuple[pl.DataFrame, Mapping[str, Labelled]]:
    """Return answers to questions, and their distinct texts: a right one is better than a wrong.

    Args:
        answers: with ``asked``.
        gold: the right answers by question; answers to others are left out.
    """
    known = answers.filter(pl.col("asked").is_in([*gold]))
    found = {}
    for (asked,), group in known.group_by("asked", maintain_order=True):
        texts = tuple(dict.fromkeys(group["text"].to_list()))
        right = [bool(included(text, gold[str(asked)])) for text in texts]
        places = product(range(len(texts)), repeat=2)
        better = frozenset((i, j) for i, j in places if right[i] and not right[j])
        found[str(asked)] = Labelled(CORPUS, str(asked), texts, better, "truthfulness")
    return with_labels(known, found), found
