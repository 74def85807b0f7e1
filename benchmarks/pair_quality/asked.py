"""The rows of a language model that is asked of each answer: as judge, and whether it is true."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Final

import polars as pl

from benchmarks.pair_quality.corpora import Labelled
from benchmarks.pair_quality.labels import extremes, judged
from udasa_data.config import ModelRef, principles_of
from udasa_data.config.build import Judge
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.judge import PolicyJudge, PolicyTruth
from udasa_data.storage import locate

QUESTIONS: Final = {"policy as judge": "judge", "P(False)": "p_true"}


def asked(model: str, answers: pl.DataFrame) -> pl.DataFrame:
    """Return a model's P(violation) and P(False) of each answer, beside what is there.

    Args:
        model: preset's Hub id or folder.
        answers: ``asked, text`` and whatever else.

    Returns:
        The same with ``judge`` and ``p_true``; NaN where an answer is too long to be asked about.
    """
    pairs = [TextPair(*row) for row in answers.select("asked", "text").iter_rows()]
    columns = []
    with closing(TransformersEngine(locate(ModelRef(id=model)))) as engine:
        judge = PolicyJudge(engine, principles_of(Judge()), _told)
        for scorer in (judge, PolicyTruth(engine, _told)):
            began = time.monotonic()
            columns.append(pl.Series(scorer.name, scorer(pairs, no_progress)))
            spent = time.monotonic() - began
            print(f"{scorer.name}: {len(pairs):,} answers, {spent:.0f} s", flush=True)
    return answers.with_columns(columns)


def by_question(
    answers: pl.DataFrame, labels: Mapping[str, Labelled]
) -> Mapping[str, pl.DataFrame]:
    """Return the pairs of least and most of each question's answer, judged by the labels."""
    return {
        what: judged(extremes(answers, pl.col(column)), answers, labels)
        for what, column in QUESTIONS.items()
    }


def _told(name: str, n: int) -> None:
    print(f"{name}: {n:,} answers are too long to be asked about")
