"""Our mc1 and mc2 against a plain `lm_eval` run on the same model and data."""

from pathlib import Path

import lm_eval
import lm_eval.tasks
import polars as pl
import pytest
import yaml
from datasets import Dataset
from lm_eval.models.huggingface import HFLM
from small_models import save_policy

from udasa_data.schema import Axis
from udasa_eval import RunOptions, read_results, run
from udasa_eval.documents import read_documents

THEIRS = Path(lm_eval.tasks.__file__).parent / "truthfulqa"
NAMES = ("truthfulqa_mc1", "truthfulqa_mc2")


@pytest.fixture
def questions(real_data, tmp_path):
    """A data folder with 34 questions of TruthfulQA: more than a shard."""
    rows = pl.read_parquet(real_data / "truthfulqa/truthfulqa.parquet").head(34)
    (tmp_path / "data/truthfulqa").mkdir(parents=True)
    rows.write_parquet(tmp_path / "data/truthfulqa/truthfulqa.parquet")
    return tmp_path / "data"


def plain(model, documents):
    """What lm_eval gives for its own tasks, with a file in the place of the Hub's dataset."""
    folder = documents.parent / "plain"
    folder.mkdir()
    for name in NAMES:
        task = {
            "include": str(THEIRS / f"{name}.yaml"),
            "task": f"plain_{name}",
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {"validation": str(documents)}},
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(task))
    manager = lm_eval.tasks.TaskManager(include_path=str(folder), include_defaults=False)
    return lm_eval.simple_evaluate(
        HFLM(str(model), device="cpu"),
        tasks=[f"plain_{name}" for name in NAMES],
        task_manager=manager,
        bootstrap_iters=0,
    )


@pytest.mark.slow
def test_mc1_and_mc2_equal_plain_lm_eval_to_the_last_digit(questions, tmp_path):
    model = save_policy(tmp_path / "policy", window=1024)
    axis = (Axis.TRUTHFULNESS,)
    options = RunOptions(
        model=str(model), suite="full", axes=axis, judges="tiny", data_dir=str(questions)
    )
    run(options, tmp_path / "ours")
    ours = {metric.task: metric for metric in read_results(tmp_path / "ours").metrics}
    read = read_documents("truthfulqa", "truthfulqa_mc", data_dir=questions, limit=None, commits={})
    file = tmp_path / "documents.jsonl"
    Dataset.from_list(read.documents).to_json(file)
    theirs = plain(model, file)
    for name in NAMES:
        assert theirs["n-samples"][f"plain_{name}"]["effective"] == 34
        scores = pl.read_parquet(tmp_path / f"ours/scores/{name}.parquet")
        samples = theirs["samples"][f"plain_{name}"]
        values = scores.filter(pl.col("metric") == "acc")["value"].to_list()
        assert values == [sample["acc"] for sample in samples]
        assert ours[name].value == theirs["results"][f"plain_{name}"]["acc,none"]
        assert ours[name].n == 34
