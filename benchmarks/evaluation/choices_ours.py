"""In a process of its own, timed from outside: TruthfulQA's choices by our evaluation.

python -m benchmarks.evaluation.choices_ours MODEL DATA OUT; prints the mean score of each task.
"""

from __future__ import annotations

import sys
from pathlib import Path

from udasa_data.config.presets import resolve
from udasa_data.progress import Silent
from udasa_data.runs.store import Run
from udasa_data.storage.model_files import locate
from udasa_eval.answers.backend import EngineLM
from udasa_eval.answers.generations import Asked, FirstPass
from udasa_eval.judging.scoring import Tables, score_tables
from udasa_eval.results.folder import read_tables
from udasa_eval.tasks.building import TaskPlan, build_task, notes_of
from udasa_eval.tasks.documents import read_documents


def main() -> None:
    """Answer and score both tasks."""
    model, data, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    config = resolve(model, {}, scorers="tiny")
    policy = locate(config.policy)
    tasks = []
    for name in ("truthfulqa_mc1", "truthfulqa_mc2"):
        notes = notes_of(name)
        read = read_documents(notes.dataset, notes.reader, data_dir=data, limit=None, commits={})
        tasks.append(build_task(TaskPlan(name, notes, None), read.documents, 0))
    run = Run(out)
    with run.locked():
        asked = Asked(policy.fingerprint, None, None, "transformers")
        FirstPass(run, EngineLM(policy, config), asked, Silent()).run(tasks)
        rows = read_tables(out, "generations")
        tables = {str(name): table for (name,), table in rows.group_by("task", maintain_order=True)}
        scored = score_tables(Tables(tables, {}), {}, None, Silent())
    for name, table in scored.scores.items():
        print(name, sum(table["value"].to_list()) / len(table))


if __name__ == "__main__":
    main()
