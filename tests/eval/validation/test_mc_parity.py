"""Our mc1 and mc2 against a plain `lm_eval` run on the same model and data."""

import polars as pl
import pytest
from small_models import save_policy

from udasa_data.progress import Silent
from udasa_data.schema import Axis
from udasa_eval import read_results
from udasa_eval.running import RunOptions, run
from udasa_eval.validation.parity import NAMES, check_choices, plain_lm_eval


@pytest.fixture
def questions(real_data, tmp_path):
    """A data folder with 34 questions of TruthfulQA: more than a shard."""
    rows = pl.read_parquet(real_data / "truthfulqa/truthfulqa.parquet").head(34)
    (tmp_path / "data/truthfulqa").mkdir(parents=True)
    rows.write_parquet(tmp_path / "data/truthfulqa/truthfulqa.parquet")
    return tmp_path / "data"


@pytest.mark.slow
def test_mc1_and_mc2_equal_plain_lm_eval_to_the_last_digit(questions, tmp_path):
    model = save_policy(tmp_path / "policy", window=1024)
    axis = (Axis.TRUTHFULNESS,)
    options = RunOptions(model=str(model), suite="published", axes=axis, data_dir=str(questions))
    run(options, tmp_path / "ours")
    ours = {metric.task: metric for metric in read_results(tmp_path / "ours").metrics}
    theirs = plain_lm_eval(model, questions)
    for name in NAMES:
        assert theirs["n-samples"][f"plain_{name}"]["effective"] == 34
        scores = pl.read_parquet(tmp_path / f"ours/scores/{name}.parquet")
        samples = theirs["samples"][f"plain_{name}"]
        values = scores.filter(pl.col("metric") == "acc")["value"].to_list()
        assert values == [sample["acc"] for sample in samples]
        assert ours[name].value == theirs["results"][f"plain_{name}"]["acc,none"]
        assert ours[name].n == 34


def test_the_validation_of_the_embedded_policy_allows_no_difference(questions):
    checks = check_choices(questions, 1, Silent())
    assert [check.n for check in checks] == [1, 1]
    assert all(check.holds for check in checks)
    assert all(check.tolerance == 0.0 for check in checks)
