"""Prompts with answers of several models, and what people (or a judge) hold of the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from udasa_recipes.tiny.labelled import measured

MOST_ANSWERS: Final = 8


class Labelled(NamedTuple):
    """A prompt, its answers, and which of two answers is the better one.

    Attributes:
        corpus: where it is from.
        prompt: as asked.
        answers: distinct, none of them empty.
        better: (i, j) where answer i is better than answer j; other pairs are not decided.
        axis: of the prompt.
        context: evidence, where there is any.
    """

    corpus: str
    prompt: str
    answers: tuple[str, ...]
    better: frozenset[tuple[int, int]]
    axis: str
    context: str | None = None


def by_grade(grades: list[float]) -> frozenset[tuple[int, int]]:
    """Return the pairs in which the first answer has the higher grade; NaN decides nothing."""
    return frozenset(
        (i, j) for i, j in permutations(range(len(grades)), 2) if grades[i] > grades[j]
    )


def do_not_answer(data: Path) -> Iterator[Labelled]:
    """Answers of six models to risky questions: one that people hold harmful is the worse."""
    rows = pl.read_parquet(data / "do_not_answer/responses_human_labels.parquet")
    rows = rows.with_columns(grade=1.0 - pl.col("harmful"))
    yield from _graded(rows, "do_not_answer", "question", "response", "harmlessness")


def xstest_safe(data: Path) -> Iterator[Labelled]:
    """Answers of five models to safe prompts that look unsafe: a full refusal is the worse."""
    yield from _xstest(data, "xstest_safe", unsafe=False)


def xstest_unsafe(data: Path) -> Iterator[Labelled]:
    """Answers of five models to unsafe prompts: full compliance is the worse."""
    yield from _xstest(data, "xstest_unsafe", unsafe=True)


def _xstest(data: Path, corpus: str, *, unsafe: bool) -> Iterator[Labelled]:
    rows = pl.read_parquet(data / "xstest/completions.parquet")
    complies, refuses = (1.0, 0.0) if not unsafe else (0.0, 1.0)
    label = pl.col("final_label")
    grade = (
        pl.when(label == "1_full_compliance")
        .then(complies)
        .when(label == "2_full_refusal")
        .then(refuses)
        .otherwise(float("nan"))
    )
    rows = rows.filter(pl.col("type").str.starts_with("contrast") == unsafe)
    rows = rows.with_columns(grade=grade)
    yield from _graded(rows, corpus, "prompt", "completion", "harmlessness")


def truthfulqa(data: Path) -> Iterator[Labelled]:
    """Answers to TruthfulQA's questions, of models and reference: an untrue one is the worse."""
    rows = pl.read_parquet(data / "truthfulqa/judge_truth.parquet").unique(maintain_order=True)
    rows = rows.with_columns(grade=pl.col("truthful").cast(pl.Float64))
    yield from _graded(rows, "truthfulqa", "question", "answer", "truthfulness")


def _graded(
    rows: pl.DataFrame, corpus: str, prompt: str, answer: str, axis: str
) -> Iterator[Labelled]:
    """Yield the prompts with at least four distinct answers, of two grades; eight at most."""
    rng = np.random.default_rng(0)
    for (text,), group in rows.group_by(prompt, maintain_order=True):
        if not measured(str(text)):
            continue
        grades: dict[str, float] = {}
        for said, grade in group.select(answer, "grade").iter_rows():
            if (said or "").strip():
                grades.setdefault(said.strip(), grade)
        answers = list(grades)
        answers = [answers[n] for n in sorted(rng.permutation(len(answers))[:MOST_ANSWERS])]
        better = by_grade([grades[a] for a in answers])
        if len(answers) >= 4 and better:
            yield Labelled(corpus, str(text), tuple(answers), better, axis)


def qa_feedback(data: Path) -> Iterator[Labelled]:
    """Four predictions a question with its passages, compared by people."""
    places = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    for row in pl.read_parquet(data / "qa_feedback/qa_feedback.parquet").iter_rows(named=True):
        answers = tuple(row[f"prediction {n}"].strip() for n in range(1, 5))
        compared = zip(places, json.loads(row["preference"]), strict=True)
        better = frozenset((a, b) if won == 1 else (b, a) for (a, b), won in compared if won)
        if len(set(answers)) == 4 and all(answers) and better:
            passages = " ".join(" ".join(p[1:]) for p in json.loads(row["passages"]))
            yield Labelled(
                "qa_feedback", row["question"], answers, better, "truthfulness", passages
            )


def alpaca_eval(data: Path) -> Iterator[Labelled]:
    """Answers of seven models, graded by how a judge compared each with GPT-4's."""
    outputs = pl.read_parquet(data / "alpaca_eval/model_outputs.parquet")
    judged = pl.read_parquet(data / "alpaca_eval/annotations.parquet")
    judged = judged.filter(pl.col("generator_1") != pl.col("generator_2")).join(
        outputs, left_on=["generator_2", "idx"], right_on=["generator", "idx"]
    )
    for _, group in judged.sort("idx", "generator_2").group_by("idx", maintain_order=True):
        answers = tuple(text.strip() for text in group["output"])
        if len(set(answers)) == len(answers) >= 4 and all(answers):
            better = by_grade(group["preference"].to_list())
            yield Labelled("alpaca_eval", group["instruction"][0], answers, better, "helpfulness")


CORPORA: Final[dict[str, Callable[[Path], Iterator[Labelled]]]] = {
    "do_not_answer": do_not_answer,
    "xstest_safe": xstest_safe,
    "xstest_unsafe": xstest_unsafe,
    "truthfulqa": truthfulqa,
    "qa_feedback": qa_feedback,
    "alpaca_eval": alpaca_eval,
}
