"""What the policies are asked, and what is known of the right answers; no scorer learnt from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.schema import Axis
from udasa_data.storage import write_text

from ..tiny.labelled import measured
from ..tiny.sources import place, reviews, table

QUESTIONS: Final = "questions"
SAFE: Final = "safe"
UNSAFE: Final = "unsafe"
REVIEWS: Final = "reviews"
_CORPORA: Final = ("nq_open", "triviaqa_sample", "popqa_sample", "webquestions")
MOST: Final = 1500  # questions that a policy answers
HELD_OUT: Final = 500  # questions that trained policies are measured on
REFUSABLE: Final = 160  # prompts that may be refused, and as many questions
_OPENING: Final = 8  # words of a review


class Asked(NamedTuple):
    """A prompt.

    Attributes:
        text: as the policy reads it.
        kind: questions, safe, unsafe or reviews.
        axis: of the build.
        gold: the right answers' texts; none of prompts that are no questions.
    """

    text: str
    kind: str
    axis: str
    gold: tuple[str, ...] = ()


def questions(data_dir: Path, n: int, suffix: str = "", seed: int = 0) -> list[Asked]:
    """Return ``n`` questions with gold answers, equally many of each corpus, in a fixed order.

    The first of a larger ``n`` are those of a smaller one.

    Args:
        data_dir: of the corpora.
        n: how many; fewer where a corpus has fewer.
        suffix: is put after each question.
        seed: of the order.
    """
    drawn = [_ordered(_corpus(data_dir, name), seed) for name in _CORPORA]
    found = [question for row in zip(*drawn, strict=False) for question in row]
    known = {question.text: question for question in found}
    return [q._replace(text=f"{q.text}{suffix}") for q in list(known.values())[:n]]


def held_out(data_dir: Path, suffix: str = "", seed: int = 0) -> list[Asked]:
    """Return the 500 questions after the first ``MOST``, which no policy of the study answers."""
    return questions(data_dir, MOST + HELD_OUT, suffix, seed)[MOST:]


def safety(data_dir: Path, n: int, seed: int = 0) -> list[Asked]:
    """Return safe prompts of XSTest and as many harmful ones, of XSTest and Do-Not-Answer.

    No embedded scorer or classifier learnt from any of them.
    """
    known = _xstest(data_dir, seen=False)
    harmful = [q for q in table(data_dir, "do_not_answer/questions")["question"] if measured(q)]
    safe = [prompt for prompt in known if prompt.kind == SAFE]
    unsafe = [prompt for prompt in known if prompt.kind == UNSAFE]
    unsafe += [Asked(prompt, UNSAFE, Axis.HARMLESSNESS) for prompt in harmful]
    half = min(n // 2, len(safe))
    return [*_ordered(safe, seed)[:half], *_ordered(unsafe, seed)[: n - half]]


def contrasts(data_dir: Path, n: int, seed: int = 0) -> list[Asked]:
    """Return XSTest's other prompts, safe and harmful, to train policies on.

    The classifier of prompts learnt from them, and that of refusals from answers of other models.
    """
    return _ordered(_xstest(data_dir, seen=True), seed)[:n]


def refusable(data_dir: Path, seed: int = 0) -> list[Asked]:
    """Return what trained policies are to answer or refuse: all safe prompts, harmful, questions.

    None of them is among :func:`contrasts`, nor among the first ``MOST`` questions.
    """
    prompts = safety(data_dir, REFUSABLE, seed)
    return [*prompts, *held_out(data_dir, seed=seed)[:REFUSABLE]]


def _xstest(data_dir: Path, *, seen: bool) -> list[Asked]:
    """Return XSTest's prompts that the embedded classifiers have seen, or those they have not."""
    rows = table(data_dir, "xstest/prompts").select("prompt", "type").iter_rows()
    return [
        Asked(prompt, UNSAFE if kind.startswith("contrast") else SAFE, Axis.HARMLESSNESS)
        for prompt, kind in rows
        if measured(prompt) != seen
    ]


def openings(data_dir: Path, n: int, seed: int = 0) -> list[Asked]:
    """Return first words of IMDb's test reviews, to be continued."""
    texts = [" ".join(text.split()[:_OPENING]) for text in reviews(data_dir, "test")[: 4 * n]]
    found = [Asked(text, REVIEWS, Axis.SENTIMENT) for text in dict.fromkeys(texts)]
    return _ordered(found, seed)[:n]


def write_prompts(asked: Sequence[Asked], path: Path) -> None:
    """Write prompts as a build reads them, one JSON object a line."""
    mode = {REVIEWS: "completion"}
    lines = [
        json.dumps({"prompt": a.text, "axis": str(a.axis), "mode": mode.get(a.kind, "chat")})
        for a in asked
    ]
    write_text(path, "\n".join(lines) + "\n")


def write_gold(asked: Sequence[Asked], path: Path, *, kinds: bool = False) -> None:
    """Write prompts with right answers, as ``udasa-train ablate`` reads them (``gold``).

    Args:
        asked: the prompts.
        path: of the file.
        kinds: whether refusals of each kind are counted.
    """
    rows = [{"prompt": a.text, "gold": a.gold} | ({"kind": a.kind} if kinds else {}) for a in asked]
    lines = [json.dumps(row) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def _corpus(data_dir: Path, name: str) -> list[Asked]:
    rows = table(data_dir, f"qa/{name}").select("question", "answers").iter_rows()
    gold = ((text, tuple(a for a in answers if a.strip())) for text, answers in rows)
    return [
        Asked(_question(text), QUESTIONS, Axis.TRUTHFULNESS, answers)
        for text, answers in gold
        if answers
    ]


def _question(text: str) -> str:
    """Return a question with its capital and its mark; NQ-open's have neither."""
    bare = text.strip().removesuffix("?").strip()
    return f"{bare[:1].upper()}{bare[1:]}?"


def _ordered(asked: Sequence[Asked], seed: int) -> list[Asked]:
    return sorted(asked, key=lambda a: place(a.text, f"evidence{seed}"))
