"""Answers of language models with labels by people (or a judge), one loader a corpus."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from udasa_data.languages import sentences
from udasa_recipes.tiny.labelled import measured

MOST_ANSWERS: Final = 6
MOST_SENTENCES: Final = 4  # of an answer: keeps the whole table under an hour on two cores


class Question(NamedTuple):
    """A question with its answers, their labels, and which of two answers people preferred."""

    text: str
    answers: list[str]
    bad: list[float]  # 1 bad, 0 good; NaN where only pairs are judged
    better: list[tuple[int, int]]  # the first is preferred to the second
    axis: str
    context: str | None = None


def _opening(text: str) -> str:
    return " ".join(sentences(text)[:MOST_SENTENCES])


def _grouped(
    rows: pl.DataFrame, question: str, answer: str, bad: str, axis: str
) -> Iterator[Question]:
    """Yield the questions with answers of both kinds; at most six distinct answers, evenly."""
    for (text,), group in rows.group_by(question, maintain_order=True):
        labels: dict[str, float] = {}
        for answer_text, is_bad in group.select(answer, bad).iter_rows():
            if opening := _opening(answer_text or ""):
                labels.setdefault(opening, float(is_bad))
        sides = [[a for a, b in labels.items() if b == kind] for kind in (0.0, 1.0)]
        half = MOST_ANSWERS // 2
        few = min(len(side) for side in sides)
        taken = [side[: max(half, MOST_ANSWERS - few)] for side in sides]
        answers = [*taken[0], *taken[1]]
        if len(answers) >= 3 and few:
            yield Question(str(text), answers, [labels[a] for a in answers], [], axis)


def truthfulqa(data: Path) -> list[Question]:
    """Untrue answers to TruthfulQA questions that no scorer saw: reference answers and models'."""
    rows = pl.read_parquet(data / "truthfulqa/judge_truth.parquet").unique(maintain_order=True)
    rows = rows.with_columns(bad=~pl.col("truthful"))
    questions = _grouped(rows, "question", "answer", "bad", "truthfulness")
    return [q for q in questions if measured(q.text)]


def do_not_answer(data: Path) -> list[Question]:
    """Harmful answers of six models, by people; questions that no scorer learnt from."""
    rows = pl.read_parquet(data / "do_not_answer/responses_human_labels.parquet")
    questions = _grouped(rows, "question", "response", "harmful", "harmlessness")
    return [q for q in questions if measured(q.text)]


def xstest(data: Path) -> list[Question]:
    """Refusals of safe prompts and compliance with unsafe ones, five models, by people."""
    rows = pl.read_parquet(data / "xstest/completions.parquet")
    unsafe = pl.col("type").str.starts_with("contrast")
    complied = pl.col("final_label") == "1_full_compliance"
    rows = rows.with_columns(bad=pl.when(unsafe).then(complied).otherwise(~complied))
    return list(_grouped(rows, "prompt", "completion", "bad", "harmlessness"))


def halueval(data: Path) -> list[Question]:
    """A right and a hallucinated answer to each question, with the passage that tells."""
    rows = pl.read_parquet(data / "halueval/qa_one_turn.parquet")
    return [
        Question(
            row["question"],
            [row["right_answer"], row["hallucinated_answer"]],
            [0.0, 1.0],
            [(0, 1)],
            "truthfulness",
            row["knowledge"],
        )
        for row in rows.iter_rows(named=True)
        if sentences(row["right_answer"]) and sentences(row["hallucinated_answer"])
    ]


def qa_feedback(data: Path) -> list[Question]:
    """Four predictions a question, compared by people; the passages are the evidence."""
    places = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    questions = []
    for row in pl.read_parquet(data / "qa_feedback/qa_feedback.parquet").iter_rows(named=True):
        answers = [_opening(row[f"prediction {n}"]) for n in range(1, 5)]
        if len(set(answers)) < 3 or not all(answers):
            continue
        compared = zip(places, json.loads(row["preference"]), strict=True)
        better = [(a, b) if won == 1 else (b, a) for (a, b), won in compared if won in {1, 2}]
        passages = " ".join(" ".join(p[1:]) for p in json.loads(row["passages"])[:1])
        bad = [np.nan] * 4
        questions.append(Question(row["question"], answers, bad, better, "truthfulness", passages))
    return questions


def alpaca_eval(data: Path) -> list[Question]:
    """GPT-4's answer and five models', each compared with it by a judge of AlpacaEval."""
    outputs = pl.read_parquet(data / "alpaca_eval/model_outputs.parquet")
    annotations = pl.read_parquet(data / "alpaca_eval/annotations.parquet")
    annotations = annotations.filter(pl.col("generator_1") != pl.col("generator_2"))
    texts = {(g, i): o for g, i, o in outputs.select("generator", "idx", "output").iter_rows()}
    asked = dict(outputs.select("idx", "instruction").unique("idx").iter_rows())
    questions = []
    by_question = annotations.sort("idx", "generator_2").group_by("idx", maintain_order=True)
    for (idx,), group in by_question:
        judged = group.head(MOST_ANSWERS - 1).select("generator_1", "generator_2", "preference")
        base = judged["generator_1"][0]
        answers = [_opening(texts[base, idx])]
        answers += [_opening(texts[g, idx]) for g in judged["generator_2"]]
        liked = enumerate(judged["preference"], 1)
        better = [(n, 0) if p > 1.5 else (0, n) for n, p in liked if p != 1.5]
        if all(answers) and len(set(answers)) >= 3:
            bad = [np.nan] * len(answers)
            questions.append(Question(asked[idx], answers, bad, better, "helpfulness"))
    return questions


SETS: Final[dict[str, Callable[[Path], list[Question]]]] = {
    "truthfulqa": truthfulqa,
    "halueval": halueval,
    "do_not_answer": do_not_answer,
    "xstest": xstest,
    "qa_feedback": qa_feedback,
    "alpaca_eval": alpaca_eval,
}
