"""Worker: uqlm's batched NLI, run in its own environment.

Its module alone is loaded; the package wants far more than the module needs.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

import numpy as np

from benchmarks.scoring.worker import jobs, reply, without_init


def nli_class() -> Any:
    """Import the class without the package's own ``__init__``."""
    without_init("uqlm", "nli", "utils")
    return importlib.import_module("uqlm.nli.nli").NLI


def main() -> None:
    """Answer jobs: lists of prompts, each a list of pairs → [pairs, 2] p_e and p_c of all."""
    waiting, replies = jobs()
    model = nli_class()(nli_model_name=sys.argv[1])
    model.model.float()  # it takes the dtype of the file, which is bfloat16
    labels = [name.lower() for _, name in sorted(model.model.config.id2label.items())]
    columns = [labels.index("entailment"), labels.index("contradiction")]
    for prompts in waiting:
        started = time.perf_counter()
        found = [model.predict_batch([(a, b) for a, b in pairs]) for pairs in prompts]
        seconds = time.perf_counter() - started
        reply(replies, seconds, np.concatenate(found)[:, columns].tolist())


if __name__ == "__main__":
    main()
