"""In a process of its own, timed from outside: TruthfulQA's choices by plain lm_eval.

python -m benchmarks.evaluation.choices_lm_eval MODEL DOCUMENTS FOLDER; prints each task's accuracy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import lm_eval
import lm_eval.tasks
import yaml

NAMES = ("truthfulqa_mc1", "truthfulqa_mc2")


def main() -> None:
    """Run lm_eval's own tasks on documents that are here."""
    model, documents, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    theirs = Path(lm_eval.tasks.__file__).parent / "truthfulqa"
    folder.mkdir()
    for name in NAMES:
        task = {
            "include": str(theirs / f"{name}.yaml"),
            "task": f"plain_{name}",
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {"validation": documents}},
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(task))
    results = lm_eval.simple_evaluate(
        "hf",
        f"pretrained={model}",
        device="cpu",
        tasks=[f"plain_{name}" for name in NAMES],
        task_manager=lm_eval.tasks.TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
    )["results"]
    for name in NAMES:
        print(name, results[f"plain_{name}"]["acc,none"])


if __name__ == "__main__":
    main()
