"""What the evaluation costs: choices against plain lm_eval, and scoring again against generating.

The embedded policy. The choices are TruthfulQA's mc1 and mc2 (needs the corpora, UDASA_DATA_DIR),
each side in a process of its own, loading included, by turns. Scoring again is timed over 1,000
AlpacaEval and Do-Not-Answer prompts answered by the embedded policy: ``score`` on its stored
generations, with the judgements that the run has kept.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import polars as pl
from report import write_results

import udasa_data

DATA: Final = Path(os.environ.get("UDASA_DATA_DIR", Path(__file__).parents[2] / "shared" / "data"))
MODEL: Final = Path(udasa_data.__file__).parent / "tiny/lm"  # bfloat16
QUESTIONS: Final = int(os.environ.get("UDASA_BENCH_QUESTIONS", "80"))
PROMPTS: Final = int(os.environ.get("UDASA_BENCH_PROMPTS", "1000"))
ROUNDS: Final = 3

OURS: Final = """
import sys
from pathlib import Path
from udasa_data.progress import Silent
from udasa_data.runs.store import Run
from udasa_eval.answers.backend import EngineLM
from udasa_eval.tasks.documents import read_documents
from udasa_eval.answers.generations import Asked, FirstPass
from udasa_eval.judging.scoring import Tables, score_tables
from udasa_eval.results.folder import read_tables
from udasa_eval.tasks.building import TaskPlan, build_task, notes_of
from udasa_data.config.presets import resolve
from udasa_data.storage.model_files import locate
model, data, out = sys.argv[1:]
config = resolve(model, {}, scorers="tiny")
policy = locate(config.policy)
tasks = []
for name in ("truthfulqa_mc1", "truthfulqa_mc2"):
    notes = notes_of(name)
    read = read_documents(notes.dataset, notes.reader, data_dir=Path(data), limit=None, commits={})
    tasks.append(build_task(TaskPlan(name, notes, None), read.documents, 0))
run = Run(Path(out))
with run.locked():
    asked = Asked(policy.fingerprint, None, None, "transformers")
    FirstPass(run, EngineLM(policy, config), asked, Silent()).run(tasks)
    rows = read_tables(Path(out), "generations")
    tables = {str(name): table for (name,), table in rows.group_by("task", maintain_order=True)}
    scored = score_tables(Tables(tables, {}), {}, None, Silent())
for name, table in scored.scores.items():
    print(name, sum(table["value"].to_list()) / len(table))
"""

PLAIN: Final = """
import sys
from pathlib import Path
import lm_eval, lm_eval.tasks, yaml
model, documents, folder = sys.argv[1:]
theirs = Path(lm_eval.tasks.__file__).parent / "truthfulqa"
Path(folder).mkdir()
names = ("truthfulqa_mc1", "truthfulqa_mc2")
for name in names:
    task = {"include": str(theirs / f"{name}.yaml"), "task": f"plain_{name}",
            "dataset_path": "json", "dataset_name": None,
            "dataset_kwargs": {"data_files": {"validation": documents}}}
    Path(folder, f"{name}.yaml").write_text(yaml.safe_dump(task))
manager = lm_eval.tasks.TaskManager(include_path=folder, include_defaults=False)
found = lm_eval.simple_evaluate("hf", f"pretrained={model}", device="cpu",
                                tasks=[f"plain_{n}" for n in names], task_manager=manager,
                                bootstrap_iters=0)
for name in names:
    print(name, found["results"][f"plain_{name}"]["acc,none"])
"""


def timed(program: str, *arguments: object) -> tuple[float, str]:
    """Return the wall time of a Python program in a process of its own, and what it printed."""
    environment = os.environ | {
        "TQDM_DISABLE": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    command = [sys.executable, "-c", program, *map(str, arguments)]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, "\n".join(line for line in done.stdout.splitlines() if " " in line)


def in_float32(folder: Path) -> Path:
    """Save the embedded policy in float32: lm-eval takes a checkpoint's own precision.

    A CPU without native bfloat16 needs half a second for each choice otherwise, on both sides.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).save_pretrained(folder)
    AutoTokenizer.from_pretrained(MODEL).save_pretrained(folder)
    return folder


def choices(folder: Path) -> tuple[float, float, str]:
    """Return the medians of our time and of plain lm_eval's, and the numbers both gave."""
    from datasets import Dataset

    from udasa_eval.tasks.documents import read_documents

    data = folder / "data"
    (data / "truthfulqa").mkdir(parents=True)
    rows = pl.read_parquet(DATA / "truthfulqa/truthfulqa.parquet").head(QUESTIONS)
    rows.write_parquet(data / "truthfulqa/truthfulqa.parquet")
    read = read_documents("truthfulqa", "truthfulqa_mc", data_dir=data, limit=None, commits={})
    documents = folder / "documents.jsonl"
    Dataset.from_list(read.documents).to_json(documents)
    model = in_float32(folder / "model")
    ours, plain = [], []
    said = ""
    for number in range(ROUNDS):
        seconds, found = timed(OURS, model, data, folder / f"ours-{number}")
        ours.append(seconds)
        seconds, expected = timed(PLAIN, model, documents, folder / f"plain-{number}")
        plain.append(seconds)
        if found.split() != expected.split():
            sys.exit(f"not the same numbers:\n{found}\nagainst\n{expected}")
        said = ", ".join(found.splitlines())
    return statistics.median(ours), statistics.median(plain), said


def scoring_again(folder: Path) -> tuple[float, float, float]:
    """Return seconds of generating, of the first scoring, and of scoring again."""
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

    config = resolve("tiny", {}, scorers="tiny")
    policy = locate(config.policy)
    tasks = []
    for name in ("udasa_alpaca_eval", "udasa_do_not_answer"):
        notes = notes_of(name)
        read = read_documents(
            notes.dataset, notes.reader, data_dir=DATA, limit=PROMPTS // 2, commits={}
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


def main() -> None:
    """Print the table and the ratios."""
    if not DATA.is_dir():
        sys.exit(f"skipped: no corpora in {DATA}; set UDASA_DATA_DIR to a folder that has them")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["UDASA_CACHE"] = str(folder / "cache")
        ours, plain, said = choices(folder)
        generated, first, again = scoring_again(folder)
    rows = [
        (f"mc1 and mc2 of {QUESTIONS} questions, ours", f"{ours:.1f} s", said),
        ("the same, plain lm_eval", f"{plain:.1f} s", "the same numbers"),
        (f"generating answers to {PROMPTS:,} prompts", f"{generated:.1f} s", ""),
        ("scoring them, the first time", f"{first:.1f} s", ""),
        ("scoring them again", f"{again:.1f} s", ""),
    ]
    ratios = {
        "choices_time_over_plain_lm_eval": ours / plain,
        "generating_over_first_scoring": generated / first,
        "generating_over_scoring_again": generated / again,
    }
    write_results("evaluation", ("what", "wall time", "note"), rows, ratios)


if __name__ == "__main__":
    main()
