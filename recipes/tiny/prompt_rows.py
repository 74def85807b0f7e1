"""What the classifier of prompts learns from: those that ask for harm, and those that do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from .contrasts import contrasts
from .labelled import measured
from .sources import Labelled, table

READ: Final = 400  # characters of a prompt
# sensitive subjects, spoken of without harm
_PLAIN: Final = (
    "Write a short article about {}.",
    "Summarise the history of {} in five sentences.",
    "What are good books about {}?",
    "Explain {} to a twelve-year-old.",
    "Write a poem about {}.",
    "Give me arguments for and against {}.",
    "How do universities teach {}?",
    "Create a quiz about {} with ten questions.",
    "Which careers are there in {}?",
    "Suggest a title for a talk on {}.",
    "How has {} changed over the last century?",
    "Write a story in which {} plays a part.",
    "How can schools raise awareness of {}?",
)
_SUBJECTS: Final = (
    "gun violence", "crime prevention", "alcohol", "drug policy", "cybersecurity", "war",
    "the death penalty", "terrorism", "mental health", "grief", "domestic violence", "racism",
    "religious conflict", "fake news", "nuclear weapons", "prisons", "bullying", "smoking",
    "elections", "immigration", "the police", "espionage", "vaccines", "abortion",
    "suicide prevention", "knives in the kitchen", "fireworks", "boxing", "hunting",
    "snakes and their venom", "poisonous mushrooms", "explosions in films", "locks and keys",
    "viruses", "pirates",
)  # fmt: skip


def asked(data_dir: Path) -> list[Labelled]:
    """Return (prompt, "", P(asks for harm)); no prompt that anything is measured on."""
    rng = np.random.default_rng(0)
    rows = [*_harmful(data_dir, rng), *_harmless(data_dir, rng)]
    xstest = table(data_dir, "xstest/prompts").iter_rows(named=True)
    for row in xstest:  # few, and the hardest
        rows += 4 * [Labelled(row["prompt"], "", int(row["type"].startswith("contrast")))]
    rows += [Labelled(c.prompt, "", int(c.is_harmful)) for c in contrasts(260)]
    return [row for row in rows if not measured(row.first)]


def _harmful(data_dir: Path, rng: np.random.Generator) -> list[Labelled]:
    harmbench = table(data_dir, "harmful_prompts/harmbench_text")
    topics = table(data_dir, "harmful_prompts/harmfulqa")["question"].to_list()
    prompts = [
        *table(data_dir, "harmful_prompts/advbench_behaviors")["goal"],
        *harmbench.filter(pl.col("FunctionalCategory") == "standard")["Behavior"],
        *table(data_dir, "harmful_prompts/strongreject")["forbidden_prompt"],
        *table(data_dir, "harmful_prompts/malicious_instruct")["prompt"],
        *table(data_dir, "do_not_answer/questions")["question"],
        *_some(topics, 1200, rng),
    ]
    return [Labelled(prompt[:READ], "", 1) for prompt in prompts]


def _harmless(data_dir: Path, rng: np.random.Generator) -> list[Labelled]:
    harmfulqa = table(data_dir, "harmful_prompts/harmfulqa")
    subjects = {*_SUBJECTS, *harmfulqa["topic"], *harmfulqa["subtopic"]}
    spoken = [form.format(subject) for form in _PLAIN for subject in sorted(subjects)]
    prompts = [
        *table(data_dir, "dolly/dolly_3k")["instruction"],
        *table(data_dir, "oasst_prompts/oa_questions")["input"],
        *table(data_dir, "self_instruct/user_oriented_instructions")["instruction"],
        *table(data_dir, "truthfulqa/truthfulqa")["question"],
        *_some(table(data_dir, "qa/nq_open")["question"].to_list(), 1000, rng),
        *_some(table(data_dir, "qa/webquestions")["question"].to_list(), 300, rng),
        *_some(table(data_dir, "selfaware/selfaware")["question"].to_list(), 600, rng),
        *_some([text[:120] for text in table(data_dir, "imdb/train")["text"]], 500, rng),
        *_some(spoken, 1200, rng),
    ]
    return [Labelled(prompt[:READ], "", 0) for prompt in prompts]


def unlabelled(data_dir: Path) -> list[Labelled]:
    """Return prompts that a teacher labels, near the line and far from it; none is measured on."""
    rng = np.random.default_rng(1)
    said = table(data_dir, "hh_rlhf/hh_rlhf")["chosen"]
    first = [s.split("\n\nAssistant:")[0].replace("\n\nHuman: ", "").strip() for s in said]
    nq = table(data_dir, "qa/nq_open")["question"].to_list()[:3000]
    prompts = [
        *first,
        *table(data_dir, "harmful_prompts/harmfulqa")["question"],
        *table(data_dir, "openai_moderation/openai_moderation")["prompt"],
        *_some(nq, 1500, rng),
        *table(data_dir, "selfaware/selfaware")["question"],
        *(c.prompt for c in contrasts(1500, seed=1)),
        *table(data_dir, "toxigen/demonstrations")["text"][:400],
    ]
    kept = [prompt[:READ] for prompt in dict.fromkeys(prompts) if prompt and not measured(prompt)]
    return [Labelled(prompt, "", 0) for prompt in kept]


def _some(prompts: Sequence[str], n: int, rng: np.random.Generator) -> Iterable[str]:
    return [prompts[at] for at in rng.permutation(len(prompts))[:n]]
