"""TruthfulQA's choices against plain lm_eval: in turn, and with the same numbers or none."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Final

import polars as pl
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

import udasa_data
from benchmarks.paths import require_data
from benchmarks.subjects import in_own_process
from udasa_eval.tasks.documents import read_documents

MODEL: Final = Path(udasa_data.__file__).parent / "tiny/lm"  # bfloat16
ROUNDS: Final = 3
QUIET: Final = {
    "TQDM_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


def timed(program: str, *arguments: Path) -> tuple[float, str]:
    """Return the wall time of a program of this room in its own process, and what it printed."""
    started = time.perf_counter()
    printed = in_own_process(f"evaluation.{program}", *map(str, arguments), **QUIET)
    seconds = time.perf_counter() - started
    return seconds, "\n".join(line for line in printed.splitlines() if " " in line)


def in_float32(folder: Path) -> Path:
    """Save the embedded policy in float32: lm-eval takes a checkpoint's own precision.

    A CPU without native bfloat16 needs half a second for each choice otherwise, on both sides.
    """
    AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).save_pretrained(folder)
    AutoTokenizer.from_pretrained(MODEL).save_pretrained(folder)
    return folder


def choices(folder: Path, questions: int) -> tuple[float, float, str]:
    """Return the medians of our time and of plain lm_eval's, and the numbers both gave."""
    data = folder / "data"
    (data / "truthfulqa").mkdir(parents=True)
    path = require_data("truthfulqa/truthfulqa.parquet")
    rows = pl.read_parquet(path).head(questions)
    rows.write_parquet(data / "truthfulqa/truthfulqa.parquet")
    read = read_documents("truthfulqa", "truthfulqa_mc", data_dir=data, limit=None, commits={})
    documents = folder / "documents.jsonl"
    Dataset.from_list(read.documents).to_json(documents)
    model = in_float32(folder / "model")
    ours, plain = [], []
    numbers = ""
    for turn in range(ROUNDS):
        seconds, printed = timed("choices_ours", model, data, folder / f"ours-{turn}")
        ours.append(seconds)
        seconds, expected = timed("choices_lm_eval", model, documents, folder / f"plain-{turn}")
        plain.append(seconds)
        if printed.split() != expected.split():
            raise SystemExit(f"not the same numbers:\n{printed}\nagainst\n{expected}")
        numbers = ", ".join(printed.splitlines())
    return statistics.median(ours), statistics.median(plain), numbers
