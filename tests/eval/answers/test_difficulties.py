"""AlpacaEval's length control is looked for where its own baseline is among those compared with."""

import pytest

from udasa_eval.answers import Baseline, find_difficulties
from udasa_eval.tasks.building import TaskPlan, build_task, notes_of


@pytest.mark.parametrize(
    ("baseline", "looked_for"),
    [
        ("gpt4_1106_preview", True),
        ("gpt4_1106_preview, gpt-4-0314", True),  # another task has a baseline of its own
        ("gpt-4-0314", False),
        (None, False),
    ],
)
def test_whose_answers_are_compared_with(tmp_path, baseline, looked_for):
    name = "udasa_alpaca_eval"
    task = build_task(TaskPlan(name, notes_of(name), None), [{"prompt": "x", "category": "y"}], 0)
    found = find_difficulties([task], Baseline(baseline, {}), data_dir=tmp_path, commits={})
    # the folder has no such file: that is told where it was looked for
    assert bool(found.notes) == looked_for
    assert found.table is None
