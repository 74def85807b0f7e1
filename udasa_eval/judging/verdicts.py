"""The verdict of a judge that thinks before it answers: read behind its thoughts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from udasa_data.config import Sampling
from udasa_data.engines import Completion, Engine, PolicyPrompt, SetAside

# that a thought may take: a judge whose thought has not ended then has no verdict
_THOUGHT: Final = Sampling(samples=1, temperature=0.0, max_tokens=4096)
_OPENING: Final = Sampling(samples=1, temperature=0.0, max_tokens=16)


def replies(engine: Engine, prompts: Sequence[PolicyPrompt]) -> list[Completion]:
    """Return the first words of a judge's answers; of those prompts that it can be asked."""
    answers = dict(engine.sample(prompts, _OPENING, lambda _n: None)) if prompts else {}
    return [answer[0] for answer in answers.values() if not isinstance(answer, SetAside)]


def thinks(said: Sequence[Completion]) -> bool:
    """Return whether any of a judge's answers begins with a thought."""
    return any(reply.reasoning.strip() for reply in said)


def verdicts(
    engine: Engine, prompts: Sequence[PolicyPrompt], yes: Sequence[str], no: Sequence[str]
) -> list[float | None]:
    """Return what a judge says behind its thoughts, [N]: 1 of ``yes``, 0 of ``no``, None else.

    Args:
        engine: the judge.
        prompts: N questions.
        yes: words that mean one thing.
        no: words that mean the other.
    """
    answers = dict(engine.sample(prompts, _THOUGHT, lambda _n: None))
    found: list[float | None] = []
    for place in range(len(prompts)):
        answer = answers[place]
        if isinstance(answer, SetAside) or answer[0].finish_reason != "stop":
            found.append(None)
        else:
            found.append(verdict(answer[0].text, yes, no))
    return found


def verdict(text: str, yes: Sequence[str], no: Sequence[str]) -> float | None:
    """Return 1 where a text says one of ``yes``, 0 where one of ``no``; None: neither, or both.

    Its first word counts, else the only one of them that it holds.
    """
    said = [[word.strip() for word in words if word.strip()] for words in (yes, no)]
    begins = [_says(rf"^\W*(?:{_any(words)})(?!\w)", text) for words in said]
    if begins[0] != begins[1]:
        return float(begins[0])
    holds = [_says(rf"(?<!\w)(?:{_any(words)})(?!\w)", text) for words in said]
    return float(holds[0]) if holds[0] != holds[1] else None


def _any(words: Sequence[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or "(?!)"


def _says(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None
