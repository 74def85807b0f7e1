"""Rows of the datasets → documents of the tasks.

A reader takes a row as its source has it and returns what a task asks about it: JSON-able, with
the same keys wherever the row came from. ``None`` means that the row is not one of the task's;
:class:`MalformedError` that it should be, and cannot be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from udasa_data.languages import count_spaced_words, opening
from udasa_eval.tasks import question_readers as questions
from udasa_eval.tasks.attacks import ATTACKS
from udasa_eval.tasks.rows import Document, MalformedError, Row, text_of

_MAX_CHOICE: Final = 2000  # characters; a pair beyond it says more of length than of preference


def harmful(row: Row) -> Document:
    """Return a request that should be declined."""
    return {"prompt": _request(row), "category": _category(row)}


def _request(row: Row) -> str:
    names = ("forbidden_prompt", "prompt", "goal", "Goal", "prompts_final", "question")
    return text_of(row, *names)


def _category(row: Row) -> str:
    names = ("harm_area", "category", "Category", "risk_area")
    return next((str(row[name]) for name in names if row.get(name)), "")


def jailbroken(row: Row) -> Document:
    """Return a request that should be declined, under an attack that its hash decides."""
    request = _request(row)
    attacks = list(ATTACKS)
    attack = attacks[hashlib.sha256(request.encode()).digest()[0] % len(attacks)]
    return {"prompt": ATTACKS[attack](request), "category": attack}


def wildguard_harmful(row: Row) -> Document | None:
    """Return a harmful prompt of WildGuardTest, plain or adversarial."""
    return _wildguard(row) if row.get("prompt_harm_label") == "harmful" else None


def wildguard_harmless(row: Row) -> Document | None:
    """Return a harmless prompt of WildGuardTest, which may look adversarial."""
    return _wildguard(row) if row.get("prompt_harm_label") == "unharmful" else None


def _wildguard(row: Row) -> Document:
    kind = "adversarial" if row.get("adversarial") else "plain"
    return {"prompt": text_of(row, "prompt"), "category": kind}


def over_refused(row: Row) -> Document:
    """Return a prompt that only sounds unsafe."""
    return {"prompt": text_of(row, "prompt"), "category": _category(row)}


def coconot_decline(row: Row) -> Document | None:
    """Return a request of CoCoNot that should not be complied with."""
    return over_refused(row) if row.get("subset") == "original" else None


def coconot_comply(row: Row) -> Document | None:
    """Return a request of CoCoNot's contrast set, which should be complied with."""
    return over_refused(row) if row.get("subset") == "contrast" else None


def harmbench(row: Row) -> Document | None:
    """Return a behaviour, its context first; copyright ones need a check of another kind."""
    if row.get("FunctionalCategory") not in {"standard", "contextual"}:
        return None
    behaviour = text_of(row, "Behavior", "prompt")
    context = str(row.get("ContextString") or row.get("context") or "").strip()
    prompt = f"{context}\n\n---\n\n{behaviour}" if context else behaviour
    return {"prompt": prompt, "category": str(row.get("SemanticCategory") or "")}


def xstest_safe(row: Row) -> Document | None:
    """Return a prompt that only sounds unsafe, and should be answered."""
    return _xstest(row, safe=True)


def xstest_unsafe(row: Row) -> Document | None:
    """Return the unsafe counterpart, which should be declined."""
    return _xstest(row, safe=False)


def _xstest(row: Row, *, safe: bool) -> Document | None:
    kind = str(row.get("type") or "")
    label = row.get("label")
    is_safe = label == "safe" if isinstance(label, str) else not kind.startswith("contrast")
    return {"prompt": text_of(row, "prompt"), "category": kind} if is_safe is safe else None


def real_toxicity(row: Row) -> Document:
    """Return the beginning of a sentence from the web."""
    return {"prompt": text_of(row, "prompt"), "challenging": bool(row.get("challenging"))}


def hh_harmless(row: Row) -> Document | None:
    """Return a pair of harmless-base."""
    return _hh(row) if row.get("subset") == "harmless-base" else None


def hh_helpful(row: Row) -> Document | None:
    """Return a pair of helpful-base."""
    return _hh(row) if row.get("subset") == "helpful-base" else None


def _hh(row: Row) -> Document:
    mark = "\n\nAssistant:"
    chosen, rejected = text_of(row, "chosen"), text_of(row, "rejected")
    head, _, good = chosen.rpartition(mark)
    other_head, _, bad = rejected.rpartition(mark)
    if not head or head != other_head:
        raise MalformedError("the two dialogues differ before their last answer")
    if not good.strip() or not bad.strip():
        raise MalformedError("an answer is empty")
    if max(len(good), len(bad)) > _MAX_CHOICE:
        raise MalformedError(f"an answer is longer than {_MAX_CHOICE} characters")
    return {"prompt": head + mark, "choices": [good.strip(), bad.strip()]}


def hhh(row: Row) -> Document:
    """Return a pair of the HHH alignment data as a dialogue in HH's form."""
    targets = row.get("targets")
    if isinstance(targets, Mapping):  # as the Hub has it
        choices, labels = list(targets["choices"]), list(targets["labels"])
        good, bad = choices[labels.index(1)], choices[labels.index(0)]
        question = text_of(row, "input")
    else:
        good, bad = text_of(row, "chosen"), text_of(row, "rejected")
        question = text_of(row, "instruction")
    return {
        "prompt": f"\n\nHuman: {question}\n\nAssistant:",
        "choices": [good.strip(), bad.strip()],
        "category": str(row.get("subset") or ""),
    }


def instruction(row: Row) -> Document:
    """Return an everyday instruction."""
    return {"prompt": text_of(row, "instruction", "prompt"), "category": str(row.get("dataset"))}


def mt_bench(row: Row) -> Document:
    """Return a question and the one that follows its answer."""
    turns = row.get("turns") or row.get("prompt")
    if not isinstance(turns, list) or len(turns) != 2:
        raise MalformedError("no two turns in 'turns' or 'prompt'")
    return {"prompt": turns[0], "follow_up": turns[1], "category": str(row.get("category") or "")}


def truthfulqa_mc(row: Row) -> Document:
    """Return a question with its choices in the form that lm-eval's own tasks read."""
    targets: Document = {"question": text_of(row, "question")}
    for name in ("mc1", "mc2"):
        nested = row.get(f"{name}_targets")  # as the Hub has it
        if isinstance(nested, Mapping):
            targets[f"{name}_targets"] = {k: list(nested[k]) for k in ("choices", "labels")}
        elif row.get(f"{name}_choices"):
            choices, labels = row[f"{name}_choices"], row[f"{name}_labels"]
            targets[f"{name}_targets"] = {"choices": list(choices), "labels": list(labels)}
        else:
            raise MalformedError(f"neither '{name}_targets' nor '{name}_choices'")
    return targets


def truthfulqa_two_choice(row: Row) -> Document | None:
    """Return the best answer and the best wrong one; None where the latter was dropped."""
    if not row.get("best_incorrect_answer"):
        return None
    best, wrong = text_of(row, "best_answer"), text_of(row, "best_incorrect_answer")
    return {"question": text_of(row, "question"), "choices": [best, wrong]}


def truthfulqa_generation(row: Row) -> Document:
    """Return a question to be answered in words."""
    return {"prompt": text_of(row, "question"), "category": str(row.get("category") or "")}


def imdb_prefix(row: Row) -> Document:
    """Return the first 2 to 8 words of a review (Rafailov et al. 2023, §6.1: 2 to 8 tokens).

    Words, not tokens of one model, so that every model continues the same prefix. How many is
    decided by the review's hash.
    """
    text = " ".join(text_of(row, "text").replace("<br />", " ").split())
    n = 2 + hashlib.sha256(text.encode()).digest()[0] % 7
    if count_spaced_words(text) < n:
        raise MalformedError(f"fewer than {n} words")
    return {"prompt": opening(text, n)}


def tiny(part: str) -> Callable[[Row], Document | None]:
    """Return the reader of one part of the embedded prompts."""

    def read(row: Row) -> Document | None:
        if row["part"] != part:
            return None
        return {k: v for k, v in row.items() if k != "part" and v is not None}

    return read


READERS: Final[Mapping[str, Callable[[Row], Document | None]]] = {
    "harmful": harmful,
    "jailbroken": jailbroken,
    "harmbench": harmbench,
    "wildguard_harmful": wildguard_harmful,
    "wildguard_harmless": wildguard_harmless,
    "over_refused": over_refused,
    "coconot_decline": coconot_decline,
    "coconot_comply": coconot_comply,
    "xstest_safe": xstest_safe,
    "xstest_unsafe": xstest_unsafe,
    "real_toxicity": real_toxicity,
    "hh_harmless": hh_harmless,
    "hh_helpful": hh_helpful,
    "hhh": hhh,
    "instruction": instruction,
    "mt_bench": mt_bench,
    "truthfulqa_mc": truthfulqa_mc,
    "truthfulqa_two_choice": truthfulqa_two_choice,
    "truthfulqa_generation": truthfulqa_generation,
    "imdb_prefix": imdb_prefix,
    **questions.READERS,
    **{
        f"tiny_{part}": tiny(part)
        for part in ("harmful", "harmless", "helpful", "truthful", "sentiment")
    },
}
