"""Greedy answers to questions whose right answers are known: an outcome that built no pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from udasa_data.config import Sampling, read_bytes
from udasa_data.engines import PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.errors import UserError, first_line
from udasa_data.storage import Located
from udasa_eval.judging import included, token_f1


class Question(msgspec.Struct, frozen=True):
    """A question, and the texts that are right answers to it."""

    prompt: str
    gold: tuple[str, ...]


def read_questions(path: Path) -> list[Question]:
    """Read questions with their gold answers, one JSON object a line.

    Raises:
        UserError: a line is no such object, or its question or gold is empty.
    """
    found = []
    for number, line in enumerate(read_bytes(path).splitlines(), start=1):
        try:
            question = msgspec.json.decode(line, type=Question)
        except msgspec.DecodeError as error:
            raise UserError(
                f'{path}: line {number}: {first_line(error)}; wanted {{"prompt": …, "gold": […]}}'
            ) from error
        if not question.prompt.strip() or not any(text.strip() for text in question.gold):
            raise UserError(f"{path}: line {number}: an empty question, or no gold answer")
        found.append(question)
    if not found:
        raise UserError(f"{path}: holds no questions")
    return found


def answered(
    where: tuple[str, Mapping[str, Any]],
    questions: Sequence[Question],
    max_tokens: int,
    template_options: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, float]]:
    """Return figures by question.

    ``gold``: a gold text stands in the answer, 0 or 1; ``F1``: of its words, [0, 1]; ``words``: how
    many it has, since a longer answer more often holds a gold text.

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
    figures: dict[str, dict[str, float]] = {"gold": {}, "F1": {}, "words": {}}
    with closing(TransformersEngine(policy, None, template_options)) as engine:
        for at, answers in engine.sample(prompts, params, lambda _: None):
            text = "" if isinstance(answers, SetAside) else answers[0].text
            question = questions[at]
            figures["gold"][question.prompt] = included(text, question.gold)
            figures["F1"][question.prompt] = token_f1(text, question.gold)
            figures["words"][question.prompt] = float(len(text.split()))
    return figures
