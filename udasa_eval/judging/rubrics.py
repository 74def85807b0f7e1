"""Language models as judges whose verdict is read from what they write, behind their thoughts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from udasa_data.config import Sampling
from udasa_data.engines import Completion, Engine, SetAside
from udasa_data.scorers import Floats, OnBatch, ScoreCache
from udasa_eval.judging.judgements import BEYOND, CUT, EXAMPLES, NONSENSE, UNASKED, Judged
from udasa_eval.judging.kinds import RubricJudge, WrittenJudge
from udasa_eval.judging.questions import prompt_of, through_cache


class Read(NamedTuple):
    """A verdict as it was read: its value, or NaN and why there is none."""

    value: float
    why: str | None = None


class Reader:
    """Asks a language model for a verdict in writing.

    Args:
        engine: the judge.
        judge: its entry: how it is asked, and where in its text the verdict stands.
        drawn: how its engine samples.
        space: what its judgements are known by in the cache.
        cache: of earlier judgements; what could not be read is asked again.
    """

    def __init__(
        self, engine: Engine, judge: WrittenJudge, drawn: Sampling, space: str, cache: ScoreCache
    ) -> None:
        self._engine = engine
        self._judge = judge
        self._drawn = drawn
        self._space = space
        self._cache = cache

    def __call__(self, questions: Sequence[str], on_batch: OnBatch) -> Judged:
        """Return the verdict on each question; NaN where none can be read."""
        why: dict[str, str] = {}
        said: list[str] = []

        def ask(batch: Sequence[str]) -> Floats:
            read = self._ask(batch, said)
            why.update({q: r.why for q, r in zip(batch, read, strict=True) if r.why})
            return np.array([[verdict.value] for verdict in read])

        values = through_cache(self._cache, self._space, questions, 1, ask, on_batch)[:, 0]
        return Judged(values, [why.get(q) for q in questions], tuple(said[:EXAMPLES]))

    def _ask(self, questions: Sequence[str], said: list[str]) -> list[Read]:
        """Return the verdicts on questions; what was said in vain goes to ``said``."""
        prompts = [prompt_of(question, raw=self._judge.raw) for question in questions]
        answers = dict(self._engine.sample(prompts, self._drawn, lambda _n: None))
        found = []
        for place in range(len(prompts)):
            answer = answers[place]
            if isinstance(answer, SetAside):
                found.append(Read(np.nan, UNASKED))
                continue
            found.append(read(self._judge, answer[0]))
            if found[-1].why:
                said.append((answer[0].text or answer[0].reasoning).strip())
        return found


def read(judge: WrittenJudge, reply: Completion) -> Read:
    """Return the last verdict in a reply, which may have been cut behind it.

    Of a rubric with parts: verdict · mean of the parts; 0 as soon as the verdict is.
    """
    found = _one(judge.verdict, _scale(judge), judge.values, reply)
    if found.why or not isinstance(judge, RubricJudge) or not judge.parts or found.value == 0.0:
        return found
    parts = [_one(part.verdict, part.scale, {}, reply) for part in judge.parts]
    if why := next((part.why for part in parts if part.why), None):
        return Read(np.nan, why)
    return Read(found.value * float(np.mean([part.value for part in parts])))


def _scale(judge: WrittenJudge) -> tuple[float, float] | None:
    return judge.scale if isinstance(judge, RubricJudge) else None


def _one(
    pattern: str,
    scale: tuple[float, float] | None,
    worth: Mapping[str, float],
    reply: Completion,
) -> Read:
    found = re.findall(pattern, reply.text)
    if not found:
        return Read(np.nan, CUT if reply.finish_reason == "length" else NONSENSE)
    word = found[-1].strip()
    if worth:
        values = {name.casefold(): value for name, value in worth.items()}
        value = values.get(word.casefold())
        return Read(np.nan, NONSENSE) if value is None else Read(value)
    try:
        number = float(word)
    except ValueError:
        return Read(np.nan, NONSENSE)
    if scale is None:
        return Read(number)
    low, high = scale
    return Read((number - low) / (high - low)) if low <= number <= high else Read(np.nan, BEYOND)
