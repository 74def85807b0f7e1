"""Worker: lm-polygraph's semantic-matrix calculator, run in its own environment.

Its module alone is loaded; the package wants far more than the module needs. The model is given to
it as its ``MultilingualDeberta`` would hold it, with its batch size of 10. Its tokenizer call does
not truncate, and the model would fail: the tokenizer that it is given does, as ours does.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
import types
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.scoring.worker import jobs, reply, without_init


def calculator_class() -> Any:
    """Import the calculator without the package's own ``__init__``."""
    without_init("lm-polygraph", "stat_calculators", "utils")
    model, common = (types.ModuleType(f"lm_polygraph.utils.{n}") for n in ("model", "common"))
    vars(model)["Model"] = object  # for annotations
    vars(common)["polygraph_module_init"] = lambda init: init  # only notes the arguments
    sys.modules |= {module.__name__: module for module in (model, common)}
    module = importlib.import_module("lm_polygraph.stat_calculators.semantic_matrix")
    return module.SemanticMatrixCalculator


def nli_model(folder: str, device: str) -> types.SimpleNamespace:
    """Return the model as the calculator wants it: label names in capitals."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    model.config.label2id = {name.upper(): n for name, n in model.config.label2id.items()}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return types.SimpleNamespace(
        deberta=model.eval().to(device),
        deberta_tokenizer=functools.partial(tokenizer, truncation="longest_first", max_length=512),
        batch_size=10,
        device=device,
    )


def main() -> None:
    """Answer jobs: lists of prompts, each a list of answers → p_e and p_c matrices."""
    waiting, replies = jobs()
    model = nli_model(sys.argv[1], "cuda" if torch.cuda.is_available() else "cpu")
    calculator = calculator_class()(model)
    for prompts in waiting:
        started = time.perf_counter()
        matrices = calculator({"sample_texts": prompts}, prompts, None)
        seconds = time.perf_counter() - started
        names = ("semantic_matrix_entail", "semantic_matrix_contra")
        reply(replies, seconds, [matrices[name].tolist() for name in names])


if __name__ == "__main__":
    main()
