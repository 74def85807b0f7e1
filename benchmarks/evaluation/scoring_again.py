"""Scoring stored generations against generating them."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.paths import require_data
from udasa_data.config.presets import resolve
from udasa_data.progress import Silent
from udasa_data.runs.store import Run
from udasa_data.storage.model_files import locate
from udasa_eval.answers.backend import EngineLM
from udasa_eval.answers.generations import Asked, FirstPass
from udasa_eval.judging.judges import judge_set, pin
from udasa_eval.judging.scoring import Tables, needed_roles, score_tables
from udasa_eval.results.folder import read_tables
from udasa_eval.tasks.building import TaskPlan, build_task, notes_of
from udasa_eval.tasks.documents import read_documents


def scoring_again(folder: Path, prompts: int) -> tuple[float, float, float]:
    """Return seconds of generating, of the first scoring, and of scoring again."""
    config = resolve("tiny", {}, scorers="tiny")
    policy = locate(config.policy)
    tasks = []
    for name in ("udasa_alpaca_eval", "udasa_do_not_answer"):
        notes = notes_of(name)
        read = read_documents(
            notes.dataset, notes.reader, data_dir=require_data(), limit=prompts // 2, commits={}
        )
        built = build_task(TaskPlan(name, notes, None), read.documents, 0)
        # the embedded policy's window holds no 2,048 tokens
        assert built.decoding is not None
        shorter = type(built.decoding)(
            temperature=1.0, top_p=0.95, max_tokens=128, samples=1, seed=0
        )
        tasks.append(built._replace(decoding=shorter))
    run = Run(folder / "generations")
    backend = EngineLM(policy, config)
    asked = Asked(policy.fingerprint, None, None, "transformers")
    started = time.perf_counter()
    with run.locked():
        FirstPass(run, backend, asked, Silent()).run(tasks)
    generated = time.perf_counter() - started
    backend.close()
    rows = read_tables(folder / "generations", "generations")
    tables = Tables({str(n): t for (n,), t in rows.group_by("task", maintain_order=True)}, {})
    judges = judge_set("tiny", "tiny")
    pinned = {role: pin(judges, role, {}) for role in needed_roles(tables.by_task, {})}
    times = []
    for _ in range(2):
        started = time.perf_counter()
        score_tables(tables, pinned, None, Silent())
        times.append(time.perf_counter() - started)
    return generated, times[0], times[1]
