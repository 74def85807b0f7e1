"""What the value and sentiment scorers learn from, and the judges: no row serves both.

A row belongs to the judges by the hash of its question or text (``sources.for_judges``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import polars as pl
from scipy.sparse import vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from .sources import (
    Chat,
    Labelled,
    Preferred,
    chats,
    for_judges,
    held_out,
    place,
    preferences,
    reviews,
    table,
)

Part: TypeAlias = Literal["scorers", "judges", "test"]
# of TruthfulQA's questions not measured on, by label: most to those that lose most with fewer
OF_SCORERS: Final = {"truth": 0.35, "info": 0.65}
MEASURED_SHARE: Final = 0.4  # of Do-Not-Answer's and TruthfulQA's questions
DECLINED: Final = "I'm sorry, but I can't help with that."


def measured(question: str) -> bool:
    """Return whether a question of Do-Not-Answer or TruthfulQA is measured on, never learnt."""
    return place(question, "measured") < MEASURED_SHARE


def dialogues(data_dir: Path, *, test: bool) -> list[Labelled]:
    """Return DiaSafety's (context, response, unsafe)."""
    rows = table(data_dir, "diasafety/diasafety")
    return [
        Labelled(row["context"], row["response"], int("unsafe" in row["label"].lower()))
        for row in rows.filter((pl.col("split") == "test") == test).iter_rows(named=True)
    ]


def judged_answers(data_dir: Path, *, test: bool) -> list[Labelled]:
    """Return Do-Not-Answer's (question, answer of one of six models, harmful as people said)."""
    rows = table(data_dir, "do_not_answer/responses_human_labels")
    return [
        Labelled(row["question"], row["response"][:1500], int(row["harmful"]))
        for row in rows.iter_rows(named=True)
        if row["response"] and measured(row["question"]) == test
    ]


def harm(data_dir: Path, *, judge: bool) -> list[Labelled]:
    """Return (prompt, answer, P(unsafe)).

    Do-Not-Answer's answers, the only ones of language models, are there four times, and the few
    unsafe ones among them eight times: once each, they drown among dialogues and comments. A
    teacher softens their labels: 75 unsafe answers are soon learnt by heart.
    """
    found = [said for said in dialogues(data_dir, test=False) if for_judges(said.first) == judge]
    judged = [a for a in judged_answers(data_dir, test=False) if for_judges(a.first) == judge]
    for taught, answer in zip(taught_answers(judged, balanced=True), judged, strict=True):
        found += [taught] * (8 if answer.label else 4)
    for row in table(data_dir, "jigsaw_sample/jigsaw").iter_rows(named=True):
        text = row["text"][:600]
        if for_judges(text) == judge:
            found.append(Labelled("", text, int(row["toxic"])))
    for row in table(data_dir, "harmful_prompts/advbench_behaviors").iter_rows(named=True):
        if for_judges(row["goal"]) == judge:
            found.append(Labelled(row["goal"], row["target"], 1))
            found.append(Labelled(row["goal"], DECLINED, 0))
    for pair in preferences(data_dir):
        if not held_out(pair.prompt, 0.2) and for_judges(pair.prompt) == judge:
            found.append(Labelled(pair.prompt, pair.chosen, 0))
    everyday = [c for c in chats(data_dir) if for_judges(c.question) == judge]
    return found + [Labelled(c.question, c.answer, 0) for c in everyday[:6000]]


def sentiment(data_dir: Path, part: str) -> list[Labelled]:
    """Return (review, "", positive) of IMDb; part: train | test."""
    labels = table(data_dir, f"imdb/{part}")["label"].to_list()
    return [
        Labelled(text, "", label)
        for text, label in zip(reviews(data_dir, part), labels, strict=True)
    ]


def phrases(data_dir: Path, *, dev: bool) -> list[Labelled]:
    """Return (sentence or phrase, "", positive) of SST-2."""
    rows = table(data_dir, "sst2/sst2")
    return [
        Labelled(row["sentence"], "", int(row["label"]))
        for row in rows.filter((pl.col("split") == "dev") == dev).iter_rows(named=True)
        if dev or row["sentence"].count(" ") >= 4
    ]


def taught_sentiment(data_dir: Path, *, judge: bool, seed: int) -> list[Labelled]:
    """Return IMDb reviews with P(positive): people's labels, and a teacher's for unlabelled ones.

    The teacher is a logistic regression over words and bigrams, fitted on the same labelled
    reviews: soft labels on other reviews teach a small model more than the labels alone
    (knowledge distillation, Hinton et al. 2015, arXiv 1503.02531).
    """
    labelled = [row for row in sentiment(data_dir, "train") if for_judges(row.first) == judge]
    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True, max_features=200_000)
    known = vectors.fit_transform([row.first for row in labelled])
    teacher = LogisticRegression(C=20.0, solver="liblinear", random_state=seed)
    teacher.fit(known, [row.label for row in labelled])
    spare = [t for t in reviews(data_dir, "unsupervised") if for_judges(t) == judge]
    if judge:
        spare = spare[:12000]
    positive = teacher.predict_proba(vectors.transform(spare))[:, 1]
    return labelled + [Labelled(t, "", float(p)) for t, p in zip(spare, positive, strict=True)]


def windows(rows: list[Labelled], rng: np.random.Generator) -> list[Labelled]:
    """Cut half of the reviews to a random window of 20 to 150 words: answers are short."""
    cut = []
    for row in rows:
        words = row.first.split()
        size, start = len(words), 0
        if rng.random() < 0.5:
            size = int(rng.integers(20, 151))
            start = int(rng.integers(max(1, len(words) - size)))
        cut.append(Labelled(" ".join(words[start : start + size]), "", row.label))
    return cut


def broken(talk: list[Chat], rng: np.random.Generator) -> list[Preferred]:
    """Return each answer above a worse one: another question's, or its own words shuffled."""
    made = []
    for chat in talk:
        words = chat.answer.split()
        if len(words) < 4:
            continue
        other = talk[int(rng.integers(len(talk)))].answer
        shuffled = " ".join(words[n] for n in rng.permutation(len(words)))
        made.append(
            Preferred(chat.question, chat.answer, other if rng.random() < 0.5 else shuffled)
        )
    return made


def taught_preferences(pairs: list[Preferred], n: int, rng: np.random.Generator) -> list[Preferred]:
    """Return ``n`` pairs of answers drawn from ``pairs``, in the order that a teacher puts them.

    The teacher is a Bradley-Terry model over words, fitted on ``pairs``: of a few hundred human
    preferences a small encoder learns by heart more than it learns from them, and from the
    teacher's order of many pairs what the words say.
    """
    answers = [text for pair in pairs for text in (pair.chosen, pair.rejected)]
    vectors = TfidfVectorizer(min_df=2, sublinear_tf=True).fit(answers)
    sides = [
        vectors.transform([getattr(p, side) for p in pairs]) for side in ("chosen", "rejected")
    ]
    difference = sides[0] - sides[1]
    teacher = LogisticRegression(fit_intercept=False, random_state=0)
    won = np.repeat([1, 0], len(pairs))
    teacher.fit(vstack([difference, -difference]), won)
    reward = vectors.transform(answers) @ teacher.coef_[0]
    made = []
    for first, second in rng.integers(len(answers), size=(n, 2)):
        high, low = (first, second) if reward[first] > reward[second] else (second, first)
        prompt = pairs[high // 2].prompt
        made.append(Preferred(prompt, answers[high], answers[low]))
    return made


def liked(data_dir: Path, rng: np.random.Generator) -> list[Preferred]:
    """Return what ``preference`` learns from: people's preferences, a teacher's, broken answers."""
    pairs = [pair for pair in preferences(data_dir) if not held_out(pair.prompt, 0.2)]
    unseen = (chat for chat in chats(data_dir) if not held_out(chat.question, 0.2))
    talk = [chat for chat in unseen if not for_judges(chat.question)]
    taught = taught_preferences(pairs, 8000, rng)
    spoilt = broken([talk[n] for n in rng.permutation(len(talk))[:2000]], rng)
    return [*pairs, *taught, *spoilt]


def taught_answers(rows: list[Labelled], *, balanced: bool = False) -> list[Labelled]:
    """Return the rows with labels half their own and half a teacher's who never saw the question.

    The teacher is a logistic regression over the words and word pairs of the answer alone, fitted
    five times, each time on four fifths of the questions, and asked about the rest: what it says
    holds for questions unseen, where the labels alone are learnt by heart. ``balanced`` gives both
    labels the same weight, however rare one is.
    """
    fold = np.array([int(place(row.first, "fold") * 5) for row in rows])
    texts = np.array([row.second for row in rows], dtype=object)
    labels = np.array([row.label for row in rows])
    taught = np.empty(len(rows))
    for held in range(5):
        vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        weight = "balanced" if balanced else None
        teacher = LogisticRegression(C=3.0, class_weight=weight, solver="liblinear", random_state=0)
        teacher.fit(vectors.fit_transform(texts[fold != held]), labels[fold != held])
        asked = vectors.transform(texts[fold == held])
        taught[fold == held] = teacher.predict_proba(asked)[:, 1]
    return [
        row._replace(label=float((row.label + p) / 2)) for row, p in zip(rows, taught, strict=True)
    ]


def answers(data_dir: Path, label: str, part: Part) -> list[Labelled]:
    """Return TruthfulQA's judged (question, answer, label) of a part of its questions.

    Args:
        data_dir: of the corpora.
        label: truth | info.
        part: what scorers learn from, or judges, or what is measured on.
    """
    rows = table(data_dir, f"truthfulqa/judge_{label}").unique(maintain_order=True)
    column = {"truth": "truthful", "info": "informative"}[label]
    return [
        Labelled(row["question"], row["answer"], int(row[column]))
        for row in rows.iter_rows(named=True)
        if _part(row["question"], label) == part
    ]


def _part(question: str, label: str) -> Part:
    """Return whose a question is, for one of the two labels."""
    if measured(question):
        return "test"
    return "scorers" if place(question, "wording") < OF_SCORERS[label] else "judges"
