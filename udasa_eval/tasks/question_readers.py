"""Rows of question answering → documents: a question, and what answers it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from udasa_eval.tasks.rows import Document, MalformedError, Row, text_of


def short_answer(row: Row) -> Document:
    """Return a question and all the texts that answer it."""
    return {"prompt": text_of(row, "question"), "answers": _answers(row)}


def nq_open(row: Row) -> Document | None:
    """Return a question of the development set; of a file without splits, any."""
    return short_answer(row) if _is_of(row, "dev") else None


def web_questions(row: Row) -> Document | None:
    """Return a question of the test set; of a file without splits, any."""
    return short_answer(row) if _is_of(row, "test") else None


def _is_of(row: Row, split: str) -> bool:
    return row.get("split") in {None, split}


def _answers(row: Row) -> list[str]:
    """Return what answers a question: a list, TriviaQA's object, or PopQA's list in JSON."""
    names = ("answers", "answer", "possible_answers")
    value: Any = next((row[name] for name in names if row.get(name)), None)
    if isinstance(value, Mapping):
        value = [value.get("value"), *(value.get("aliases") or ())]
    elif isinstance(value, str):
        value = _list_in(value)
    if not isinstance(value, Sequence):
        raise MalformedError(f"no answers in {' or '.join(map(repr, names))}")
    texts = [text for text in value if isinstance(text, str) and text.strip()]
    if not texts:
        raise MalformedError("no answer is a text")
    return list(dict.fromkeys(texts))


def _list_in(text: str) -> list[Any]:
    """Return a list that is written as JSON; a text that is no list is the only answer."""
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    return value if isinstance(value, list) else [text]


def simple_qa(row: Row) -> Document:
    """Return a question of SimpleQA and its one answer."""
    return {"prompt": text_of(row, "problem", "question"), "answers": [text_of(row, "answer")]}


def self_aware(row: Row) -> Document:
    """Return a question, and whether anybody can answer it."""
    known = row.get("answerable")
    if not isinstance(known, bool):
        raise MalformedError("no true or false in 'answerable'")
    category = "answerable" if known else "unanswerable"
    return {"prompt": text_of(row, "question"), "answerable": known, "category": category}


def halueval_qa(row: Row) -> Document:
    """Return what is known, a question, and a right answer beside a hallucinated one."""
    choices = [text_of(row, "right_answer"), text_of(row, "hallucinated_answer")]
    return {
        "prompt": text_of(row, "question"),
        "knowledge": text_of(row, "knowledge"),
        "choices": choices,
    }


def arena_hard(row: Row) -> Document:
    """Return a question of Arena-Hard with the answer of its baseline."""
    turns, choices = row.get("turns"), row.get("choices")
    try:
        question, answer = turns[0]["content"], choices[0]["turns"][0]["content"]  # type: ignore[index]
    except (TypeError, KeyError, IndexError) as error:
        raise MalformedError("no question in 'turns', or no answer in 'choices'") from error
    return {
        "prompt": str(question),
        "category": str(row.get("cluster") or row.get("category") or ""),
        "baseline": str(answer),
        "baseline_of": str(row.get("model_id") or row.get("model") or ""),
    }


def as_it_is(*names: str) -> Callable[[Row], Document]:
    """Return a reader of the columns that a task of lm-eval's reads itself.

    Args:
        names: of the columns; the first holds text, of which ``prompt`` is another name.
    """

    def read(row: Row) -> Document:
        if lacking := [name for name in names if row.get(name) is None]:
            raise MalformedError(f"no {' and no '.join(map(repr, lacking))}")
        return {"prompt": text_of(row, names[0]), **{name: row[name] for name in names}}

    return read


READERS: Final[Mapping[str, Callable[[Row], Document | None]]] = {
    "short_answer": short_answer,
    "nq_open": nq_open,
    "web_questions": web_questions,
    "simple_qa": simple_qa,
    "self_aware": self_aware,
    "halueval_qa": halueval_qa,
    "arena_hard": arena_hard,
    "gsm8k": as_it_is("question", "answer"),
    "mmlu_pro": as_it_is("question", "options", "answer", "category"),
    "ifeval": as_it_is("prompt", "key", "instruction_id_list", "kwargs"),
}
