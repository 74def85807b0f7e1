"""TruthfulQA's choices, ours beside a plain run of lm-eval: same model, same questions."""

from __future__ import annotations

import tempfile
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any, Final

from udasa_data.config import resolve
from udasa_data.progress import Progress
from udasa_data.schema import Axis
from udasa_data.storage import locate, read_parquet
from udasa_eval.answers import choice_batch, device
from udasa_eval.results import read_results
from udasa_eval.running import RunOptions, run
from udasa_eval.tasks import quiet, read_documents
from udasa_eval.validation.outcome import Check

NAMES: Final = ("truthfulqa_mc1", "truthfulqa_mc2")
TABLE: Final = "truthfulqa/truthfulqa.parquet"
MODEL: Final = "tiny"


def check_choices(data_dir: Path, questions: int, progress: Progress) -> list[Check]:
    """Score the embedded policy on TruthfulQA's mc1 and mc2, here and by plain lm-eval.

    Args:
        data_dir: folder of datasets, with TruthfulQA.
        questions: how many of its first ones.
        progress: where our run reports how far it is.

    Returns:
        a check a task that allows no difference.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / TABLE).parent.mkdir()
        read_parquet(data_dir / TABLE).head(questions).write_parquet(folder / TABLE)
        options = RunOptions(
            model=MODEL, suite="published", axes=(Axis.TRUTHFULNESS,), data_dir=str(folder)
        )
        run(options, folder / "ours", progress)
        ours = {metric.task: metric for metric in read_results(folder / "ours").metrics}
        policy = locate(resolve(MODEL, {}).policy)
        theirs = plain_lm_eval(Path(policy.load_from), folder)
    return [
        Check(
            group="lm-eval",
            name=f"{task}, the embedded policy",
            ours=_number(ours[task].value),
            theirs=float(theirs["results"][f"plain_{task}"]["acc,none"]),
            # batches of other texts beside them, in bfloat16: some questions may turn
            tolerance=0.0 if choice_batch() == 1 else 0.01,
            n=ours[task].n,
            note="a plain run on the same questions",
        )
        for task in NAMES
    ]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def plain_lm_eval(model: Path, data_dir: Path) -> dict[str, Any]:
    """Return what lm-eval gives for its own tasks, with a file in place of the Hub's dataset.

    Args:
        model: folder of a policy.
        data_dir: folder with TruthfulQA.
    """
    import lm_eval
    import lm_eval.tasks
    import yaml
    from datasets import Dataset
    from lm_eval.models.huggingface import HFLM

    read = read_documents("truthfulqa", "truthfulqa_mc", data_dir=data_dir, limit=None, commits={})
    own = Path(lm_eval.tasks.__file__).parent / "truthfulqa"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        documents = folder / "documents.jsonl"
        Dataset.from_list(read.documents).to_json(documents)
        for task in NAMES:
            plain = {
                "include": str(own / f"{task}.yaml"),
                "task": f"plain_{task}",
                "dataset_path": "json",
                "dataset_name": None,
                "dataset_kwargs": {"data_files": {"validation": str(documents)}},
            }
            (folder / f"{task}.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
        with quiet(), redirect_stderr(StringIO()):  # its bars heed no setting
            manager = lm_eval.tasks.TaskManager(include_path=str(folder), include_defaults=False)
            policy = HFLM(str(model), device=device(), batch_size=choice_batch())
            results: dict[str, Any] = lm_eval.simple_evaluate(
                policy,
                tasks=[f"plain_{task}" for task in NAMES],
                task_manager=manager,
                bootstrap_iters=0,
            )
    return results
