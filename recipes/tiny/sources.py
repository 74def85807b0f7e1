"""The corpora of the embedded models: where they lie, their licences, and what is held out.

Nothing non-commercial is used. ``--data-dir`` holds one folder a corpus with Parquet files;
``udasa_recipes.tiny.hub`` makes such a folder from the Hub.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from udasa_data.storage import read_parquet

LICENCES: Final = {
    "imdb": "Large Movie Review Dataset (Maas et al. 2011); no licence stated",
    "dolly": "Databricks Dolly 15k, part; CC BY-SA 3.0",
    "oasst_prompts": "OpenAssistant prompts and reference answers; MIT",
    "hh_rlhf": "HH-RLHF, harmless-base only; MIT",
    "pandalm": "PandaLM's test set, 60% of the instructions; Apache-2.0",
    "autoj": "Auto-J's pairs, 60% of the requests; no licence stated",
    "qa": "NQ-open, Apache-2.0; WebQuestions (training part), CC-BY 4.0",
    "nq_open": "NQ-open; Apache-2.0",
    "creak": "CREAK (training part); MIT",
    "tinystories_sample": "TinyStories, sample; CDLA-Sharing-1.0",
    "nli": "SNLI, MultiNLI, SICK, JOCI, SciTail, MED and Breaking-NLI pairs; MIT (collection), "
    "CC BY-SA 4.0 (SNLI, MED, Breaking-NLI), Apache-2.0 (SciTail)",
    "diasafety": "DiaSafety; Apache-2.0",
    "jigsaw_sample": "Jigsaw toxicity, sample; MIT (from the Hub: Civil Comments; CC0)",
    "do_not_answer": "Do-Not-Answer, human labels of 60% of the questions; Apache-2.0",
    "xstest": "XSTest completions with people's labels, 60% of the prompts; CC-BY 4.0 (prompts; "
    "answers under the terms of their models)",
    "sst2": "Stanford Sentiment Treebank, SST-2 training part; no licence stated",
    "truthfulqa": "TruthfulQA judge data, 60% of the questions; Apache-2.0",
    "harmful_prompts": "AdvBench; MIT",
    "more_harmful_prompts": "HarmBench, StrongREJECT; MIT; MaliciousInstruct; no licence stated; "
    "HarmfulQA; Apache-2.0",
    "prompts": "as prompts without labels: HH-RLHF's first questions, OpenAI's moderation samples, "
    "ToxiGen's sentences; MIT; SelfAware's questions; CC BY-SA 4.0",
    "self_instruct": "Self-Instruct, user-oriented instructions; Apache-2.0",
}


JUDGES_SHARE: Final = 0.35  # of a corpus that scorers and judges both learn from, each its own part


class Chat(NamedTuple):
    """One question and its answer."""

    question: str
    answer: str


class Labelled(NamedTuple):
    """Two texts (the second may be empty) and a class number, or the probability of class 1."""

    first: str
    second: str
    label: float


class Preferred(NamedTuple):
    """A prompt with the answer people preferred, and the other."""

    prompt: str
    chosen: str
    rejected: str


def place(text: str, salt: str = "") -> float:
    """Return where a text falls in [0, 1): fixed by its hash, another for each ``salt``."""
    digest = hashlib.sha256(f"{salt}{text}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def held_out(text: str, share: float = 0.1) -> bool:
    """Return whether a text is kept for measuring, never trained on."""
    return place(text) < share


def for_judges(text: str) -> bool:
    """Return whether a text belongs to the judges of udasa_eval, and to no scorer of udasa_data."""
    return place(text, "judges") < JUDGES_SHARE


def table(data_dir: Path, name: str) -> pl.DataFrame:
    """Read ``<data_dir>/<name>.parquet``, or end with one line that says what is missing."""
    path = data_dir / f"{name}.parquet"
    if not path.is_file():
        sys.exit(f"error: {path} is missing; udasa_recipes.tiny.hub brings what the Hub has")
    return read_parquet(path)


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
    found += [*_short_answers(data_dir), *_verdicts(data_dir)]
    return [
        Chat(" ".join(c.question.split()), " ".join(c.answer.split()))
        for c in found
        if c.question and 0 < len(c.answer) < 500
    ]


def _short_answers(data_dir: Path) -> list[Chat]:
    """Return factual questions, answered in one short sentence."""
    nq = table(data_dir, "qa/nq_open").filter(pl.col("split") == "dev")
    web = table(data_dir, "qa/webquestions").filter(pl.col("split") == "trainmodel")
    found = []
    for row in [*nq.iter_rows(named=True), *web.iter_rows(named=True)]:
        question, answers = row["question"].strip("?").strip(), row["answers"]
        first = str(answers) if isinstance(answers, str) else str(answers[0])
        found.append(Chat(question[:1].upper() + question[1:] + "?", f"The answer is {first}."))
    return found


def _verdicts(data_dir: Path) -> list[Chat]:
    """Return claims asked about, answered by a verdict with its reason."""
    rows = table(data_dir, "creak/creak").filter(pl.col("split") == "train")
    found = []
    for row in rows.iter_rows(named=True):
        opening = "Yes, that is true." if row["label"] == "true" else "No, that is not true."
        reason = row["explanation"].strip()
        reason = reason[:1].upper() + reason[1:] + ("" if reason.endswith(".") else ".")
        found.append(Chat(f"Is it true? {row['sentence']}", f"{opening} {reason}"))
    return found


def preferences(data_dir: Path) -> list[Preferred]:
    """Return the last turns of the harmless-base dialogues of HH-RLHF."""
    return hh_pairs(data_dir, "harmless")


def hh_pairs(data_dir: Path, subset: str) -> list[Preferred]:
    """Return the last turns of a subset of HH-RLHF: harmless | helpful (measured on, no more)."""
    rows = table(data_dir, "hh_rlhf/hh_rlhf").filter(pl.col("subset").str.contains(subset))
    found = []
    for row in rows.iter_rows(named=True):
        sides = [row[name].rpartition("\n\nAssistant:") for name in ("chosen", "rejected")]
        if sides[0][0] != sides[1][0]:
            continue
        prompt = " ".join(sides[0][0].rpartition("\n\nHuman:")[2].split())
        found.append(Preferred(prompt, sides[0][2].strip(), sides[1][2].strip()))
    return found


NOT_ENTAILED: Final = 3  # neutral or contradiction: the corpus does not say which


def more_entailment(data_dir: Path) -> list[Labelled]:
    """Return pairs of JOCI, MED, Breaking-NLI, and of SciTail, which knows two classes.

    Those of held-out premises are left out.
    """
    numbers = {"entailment": 0, "neutral": 1, "contradiction": 2, "not_entailment": NOT_ENTAILED}
    corpora = ["joci", "scitail", "med", "breaking_nli"]
    rows = table(data_dir, "nli/nli").filter(pl.col("source").is_in(corpora))
    return [
        Labelled(row["premise"], row["hypothesis"], numbers[row["label"]])
        for row in rows.iter_rows(named=True)
        if not held_out(row["premise"])
    ]


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
