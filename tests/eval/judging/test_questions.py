"""How many questions a judge is asked together."""

from __future__ import annotations

import numpy as np
import pytest

from udasa_data.scorers import ScoreCache
from udasa_eval.judging import questions
from udasa_eval.judging.questions import through_cache

QUESTIONS = [f"Is {n} a prime?" for n in range(200)]


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Ask 200 questions of a judge that takes so many seconds for each; return the portions."""
    now = [0.0]
    monkeypatch.setattr(questions.time, "monotonic", lambda: now[0])

    def ask_all(seconds):
        portions, shown = [], []

        def ask(batch):
            portions.append(len(batch))
            now[0] += seconds * len(batch)
            return np.array([[float(question.split()[1])] for question in batch])

        cache = ScoreCache(tmp_path / str(seconds))
        found = through_cache(cache, "judge", QUESTIONS, 1, ask, shown.append)
        assert found[:, 0].tolist() == list(range(200))
        assert sum(shown) == pytest.approx(200)
        return portions

    return ask_all


def test_a_fast_judge_is_soon_asked_many_together(asked):
    assert asked(0.001) == [8, 32, 64, 64, 32]


def test_a_slow_judge_is_asked_few_together_so_that_its_progress_is_seen(asked):
    assert set(asked(5.0)) == {8}
