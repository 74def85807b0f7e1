"""Greedy answers to held-out prompts: are they right, do they refuse? No pair was built on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from udasa_data.config import Sampling, read_bytes
from udasa_data.engines import PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.errors import UserError, first_line
from udasa_data.scoring import is_refusal
from udasa_data.storage import Located
from udasa_eval.judging import included, token_f1

_WANTED: Final = '{"prompt": …, "gold": […]} or {"prompt": …, "kind": …}'


class Question(msgspec.Struct, frozen=True):
    """A prompt with the texts that are right answers to it, or a kind, of which refusals count."""

    prompt: str
    gold: tuple[str, ...] = ()
    kind: str = ""


def read_questions(path: Path) -> list[Question]:
    """Read questions with their gold answers or kinds, one JSON object a line.

    Raises:
        UserError: a line is no such object, its question is empty, or it has neither.
    """
    found = []
    for number, line in enumerate(read_bytes(path).splitlines(), start=1):
        try:
            question = msgspec.json.decode(line, type=Question)
        except msgspec.DecodeError as error:
            raise UserError(
                f"{path}: line {number}: {first_line(error)}; wanted {_WANTED}"
            ) from error
        known = question.kind.strip() or any(text.strip() for text in question.gold)
        if not question.prompt.strip() or not known:
            raise UserError(
                f"{path}: line {number}: an empty question, or neither gold answer nor kind; "
                f"wanted {_WANTED}"
            )
        found.append(question)
    if not found:
        raise UserError(f"{path}: holds no questions")
    return found


def answered(
    where: tuple[str, Mapping[str, Any]],
    questions: Sequence[Question],
    max_tokens: int,
    template_options: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return a policy's greedy answer to each question; empty where it is too long to be asked.

    Args:
        where: the policy's folder or Hub id, and how it is loaded.
        questions: N ≥ 1.
        max_tokens: of an answer.
        template_options: of the chat template.
    """
    allow_bin = "weights_only" in where[1]
    policy = Located(where[0], where[1].get("revision"), "", where[0], allow_bin)
    prompts = [PolicyPrompt((("user", q.prompt),), raw=False, seed=0) for q in questions]
    params = Sampling(samples=4, temperature=0.0, max_tokens=max_tokens)  # drawn once, greedily
    texts = dict.fromkeys([question.prompt for question in questions], "")
    with closing(TransformersEngine(policy, None, template_options)) as engine:
        for at, answers in engine.sample(prompts, params, lambda _: None):
            if not isinstance(answers, SetAside):
                texts[questions[at].prompt] = answers[0].text
    return texts


def figures_of(
    answers: Mapping[str, str], questions: Sequence[Question]
) -> dict[str, dict[str, float]]:
    """Return figures by question: all have ``words``, how many the answer has.

    Where there are gold texts: ``gold``, one stands in the answer, 0 or 1 (a longer answer more
    often holds one), and ``F1`` of its words, [0, 1]. Where there is a kind: ``refuses KIND``, 1
    where the embedded classifier calls the answer a full refusal.
    """
    figures: dict[str, dict[str, float]] = {}
    for question in questions:
        for name, figure in _of_answer(answers[question.prompt], question).items():
            figures.setdefault(name, {})[question.prompt] = figure
    return figures


def _of_answer(text: str, question: Question) -> dict[str, float]:
    found = {"words": float(len(text.split()))}
    if question.gold:
        found |= {"gold": included(text, question.gold), "F1": token_f1(text, question.gold)}
    if question.kind:
        found[f"refuses {question.kind}"] = float(is_refusal(text))
    return found
