"""The corpora of the embedded models: where they lie, their licences, and what is held out.

Nothing non-commercial is used. ``--data-dir`` holds one folder a corpus with Parquet files.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

LICENCES: Final = {
    "imdb": "Large Movie Review Dataset (Maas et al. 2011); no licence stated",
    "dolly": "Databricks Dolly 15k, part; CC BY-SA 3.0",
    "oasst_prompts": "OpenAssistant prompts and reference answers; MIT",
    "hh_rlhf": "HH-RLHF, harmless-base only; MIT",
    "qa": "NQ-open; Apache-2.0",
    "tinystories_sample": "TinyStories, sample; CDLA-Sharing-1.0",
    "nli": "SNLI, MultiNLI and SICK pairs; MIT (collection), CC BY-SA 4.0 (SNLI)",
    "diasafety": "DiaSafety; Apache-2.0",
    "jigsaw_sample": "Jigsaw toxicity, sample; MIT",
    "harmful_prompts": "AdvBench; MIT",
}


class Chat(NamedTuple):
    """One question and its answer."""

    question: str
    answer: str


class Labelled(NamedTuple):
    """Two texts and a class number (the second may be empty)."""

    first: str
    second: str
    label: int


class Preferred(NamedTuple):
    """A prompt with the answer people preferred, and the other."""

    prompt: str
    chosen: str
    rejected: str


def held_out(text: str, share: float = 0.1) -> bool:
    """Return whether a text belongs to the held-out part: fixed by its hash."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def table(data_dir: Path, name: str) -> pl.DataFrame:
    """Read ``<data_dir>/<name>.parquet``, or end with one line that says what is missing."""
    path = data_dir / f"{name}.parquet"
    if not path.is_file():
        sys.exit(f"error: {path} is missing; --data-dir must hold the corpora of sources.py")
    return pl.read_parquet(path)


def reviews(data_dir: Path, part: str) -> list[str]:
    """Return film reviews without their HTML line breaks; part: train | test | unsupervised."""
    texts = table(data_dir, f"imdb/{part}")["text"].to_list()
    return [" ".join(text.replace("<br />", " ").split()) for text in texts]


def chats(data_dir: Path) -> list[Chat]:
    """Return questions with short answers: instructions, facts, and declined requests."""
    found = []
    for row in table(data_dir, "dolly/dolly_3k").iter_rows(named=True):
        if not row["input"]:
            found.append(Chat(row["instruction"], row["output"]))
    for row in table(data_dir, "oasst_prompts/oa_questions").iter_rows(named=True):
        asked = row["input"].removeprefix("### Human:").removesuffix("### Assistant:").strip()
        if row["lang"] == "en" and "###" not in asked:  # single turns only
            found.append(Chat(asked, row["output"]))
    for pair in preferences(data_dir):
        if not held_out(pair.prompt):
            found.append(Chat(pair.prompt, pair.chosen))
    questions = table(data_dir, "qa/nq_open").filter(pl.col("split") == "dev")
    for row in questions.iter_rows(named=True):
        question, answer = row["question"].strip("?").strip(), row["answers"]
        first = answer[0] if isinstance(answer, list | pl.Series) else str(answer)
        found.append(Chat(question[:1].upper() + question[1:] + "?", f"The answer is {first}."))
    return [
        Chat(" ".join(c.question.split()), " ".join(c.answer.split()))
        for c in found
        if c.question and 0 < len(c.answer) < 500
    ]


def preferences(data_dir: Path) -> list[Preferred]:
    """Return the last turns of the harmless-base dialogues of HH-RLHF."""
    rows = table(data_dir, "hh_rlhf/hh_rlhf").filter(pl.col("subset").str.contains("harmless"))
    found = []
    for row in rows.iter_rows(named=True):
        sides = [row[name].rpartition("\n\nAssistant:") for name in ("chosen", "rejected")]
        if sides[0][0] != sides[1][0]:
            continue
        prompt = sides[0][0].rpartition("\n\nHuman:")[2].strip()
        found.append(Preferred(prompt, sides[0][2].strip(), sides[1][2].strip()))
    return found


def entailment(data_dir: Path, *, held: bool) -> list[Labelled]:
    """Return SNLI, MultiNLI and SICK pairs: 0 entailment, 1 neutral, 2 contradiction."""
    names = ["entailment", "neutral", "contradiction"]
    rows = table(data_dir, "nli/nli").filter(
        pl.col("label").is_in(names)
        & pl.col("source").str.to_lowercase().str.contains("snli|mnli|sick")
    )
    return [
        Labelled(row["premise"], row["hypothesis"], names.index(row["label"]))
        for row in rows.iter_rows(named=True)
        if held_out(row["premise"]) == held
    ]


def harm(data_dir: Path, *, held: bool) -> list[Labelled]:
    """Return (prompt, answer, unsafe): held-out rows are DiaSafety's test split."""
    rows = table(data_dir, "diasafety/diasafety")
    rows = rows.filter((pl.col("split") == "test") == held)
    found = [
        Labelled(row["context"], row["response"], int("unsafe" in row["label"].lower()))
        for row in rows.iter_rows(named=True)
    ]
    if held:
        return found
    for row in table(data_dir, "jigsaw_sample/jigsaw").iter_rows(named=True):
        found.append(Labelled("", row["text"][:600], int(row["toxic"])))
    for row in table(data_dir, "harmful_prompts/advbench_behaviors").iter_rows(named=True):
        found.append(Labelled(row["goal"], row["target"], 1))
        found.append(Labelled(row["goal"], "I'm sorry, but I can't help with that.", 0))
    for pair in preferences(data_dir):
        if not held_out(pair.prompt):
            found.append(Labelled(pair.prompt, pair.chosen, 0))
    found += [Labelled(c.question, c.answer, 0) for c in chats(data_dir)]
    return found


def sentiment(data_dir: Path, part: str) -> list[Labelled]:
    """Return (review, "", positive); part: train | test."""
    labels = table(data_dir, f"imdb/{part}")["label"].to_list()
    return [
        Labelled(text, "", label)
        for text, label in zip(reviews(data_dir, part), labels, strict=True)
    ]
