"""The curves of a run: every step is kept, and what they warn of is told."""

import numpy as np
import polars as pl
import pytest
from small_dataset import save_dataset
from small_models import save_policy

from udasa_recipes.staged.config import parse_recipe
from udasa_recipes.staged.curves import steps_of
from udasa_recipes.staged.measures import Cell, Fresh, StageMeasures, cell
from udasa_recipes.staged.report import falling, many_epochs, refusing
from udasa_recipes.staged.run import StagedRun


def test_every_step_of_every_stage_is_kept(tmp_path):
    base = save_policy(tmp_path / "policy")
    place = save_dataset(tmp_path / "data", train=6, test=5)
    plain = {
        "policy": {"id": str(base)},
        "order": ["conservative", "moderate"],
        "training": {"learning_rate": 1e-3, "steps": 9, "batch": 4, "max_length": 200},
        "device_batch": 2,
        "measures": {"prompts": 0},
    }
    run = StagedRun(parse_recipe(plain, "here"), str(place), tmp_path / "out", tmp_path / "cache")
    record = run.train_and_save()
    table = pl.read_parquet(tmp_path / "out/training.parquet")
    assert table["stage"].to_list() == ["conservative"] * 9 + ["moderate"] * 9
    assert table["step"].to_list() == [*range(1, 10)] * 2
    first = table.row(0, named=True)
    assert first["loss"] == pytest.approx(record.stages[0].first_step["loss"])
    assert first["kl_proxy"] == pytest.approx(0, abs=1e-3)
    assert first["tokens_per_second"] is None
    for name in ("margin", "accuracy", "grad_norm", "learning_rate", "tokens", "kl_proxy"):
        assert table[name].null_count() == 0
    assert table["tokens_per_second"].null_count() == 2
    assert table["tokens_per_second"].min() > 0
    assert (tmp_path / "out/training.png").read_bytes().startswith(b"\x89PNG")
    assert "(training.png)" in (tmp_path / "out/README.md").read_text()
    # 9 steps of 4 of 6 pairs
    assert any("9 steps of 4 are 6 epochs of 6 pairs" in note for note in record.notes)
    last = record.stages[-1].measures.cells["moderate"]
    assert last.margin_within[0] < last.margin < last.margin_within[1]
    assert last.accuracy_within[0] <= last.accuracy <= last.accuracy_within[1]


def test_a_margin_of_few_pairs_has_no_interval():
    sft = np.zeros((5, 2))
    policy = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0], [5.0, 0.0]])
    few, enough = cell(policy[:4], sft[:4], 0.1), cell(policy, sft, 0.1)
    # margins .1, .2, .3, .4 and .5: means .25 and .3; all right
    assert (few.margin, few.margin_within) == (pytest.approx(0.25), None)
    assert few.accuracy_within is not None
    assert enough.margin_within[0] < 0.3 < enough.margin_within[1]


def test_the_kl_proxy_is_what_the_reference_lost():
    # β .1, rewards −.2 and −.4: log-ratios −2 and −4, the mean of log π_ref/π is 3 nats
    history = [
        {"step": 1, "loss": 0.5, "rewards/chosen": -0.2, "rewards/rejected": -0.4},
        {"step": 1, "eval_loss": 0.6},
        {"step": 2, "train_runtime": 1.0},
    ]
    table = steps_of(history, "moderate", 0.1)
    assert table["kl_proxy"].to_list() == [pytest.approx(3.0)]
    assert table["grad_norm"].to_list() == [None]


def test_few_pairs_for_many_steps_are_told():
    assert many_epochs("moderate", 20, 8, 6).startswith(
        "moderate: 20 steps of 8 are 27 epochs of 6"
    )
    assert many_epochs("moderate", 20, 8, 32) is None  # five


def measured(margin, within):
    return StageMeasures(0.1, {"moderate": Cell(9, margin, 0.5, -1.0, -1.0, within)}, None)


def test_a_margin_that_surely_fell_is_told():
    before = measured(0.3, (0.1, 0.5))
    (line,) = falling(before, measured(0.1, (0.0, 0.2)))
    assert line.startswith("the margin on moderate's held-out pairs fell from +0.300 to +0.100 [")
    assert falling(before, measured(0.2, (0.0, 0.4))) == []
    assert falling(before, measured(0.2, None)) == []


def test_a_policy_that_refuses_no_more_is_told():
    def refused(refuses):
        fresh = Fresh(8, 4, 0.1, 0.01, 20.0, 1.0, 0.9, 0.4, refuses)
        return StageMeasures(0.1, {}, fresh)

    (line,) = refusing(refused(0.5), refused(0.125))
    assert line.startswith("0.12 of the fresh answers refuse, of the SFT policy's 0.50")
    assert refusing(refused(0.5), refused(0.45)) == []
    assert refusing(refused(None), refused(0.5)) == []
    assert refusing(StageMeasures(0.1, {}, None), refused(0.5)) == []
