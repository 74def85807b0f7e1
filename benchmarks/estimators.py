"""What all semantic estimators cost on top of the entailment matrix that they share.

Every estimator over 10,000 prompts of 8 answers at once; the matrix's own time is measured on the
first sentences of real answers of a few prompts and scaled up. Needs the corpora (UDASA_DATA_DIR).
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import polars as pl

from benchmarks.paths import require_data
from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_data.config.build import ModelRef
from udasa_data.languages import sentences
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import TextPair, no_progress
from udasa_data.storage.model_files import locate
from udasa_data.uncertainty import meaning, semantic, spectral

PROMPTS: Final = 10_000
K: Final = 8
MEASURED: Final = 30  # prompts whose matrix is timed
ROUNDS: Final = 3


def seconds(call: Callable[[], Any]) -> float:
    """Return the median wall time of a call."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def matrix_seconds() -> float:
    """Return how long the entailment matrix of one prompt takes, from real answers."""
    path = require_data("alpaca_eval/model_outputs.parquet")
    outputs = pl.read_parquet(path).sort("idx", "generator")
    answers = [group["output"].to_list() for _, group in outputs.group_by("idx")][:MEASURED]
    pairs = []
    for texts in answers:
        firsts = [(sentences(text) or [""])[0] for text in texts[:K]]
        pairs += [TextPair(a, b) for a, b in itertools.permutations(firsts, 2)]
    scorer = NliScorer(locate(ModelRef(id="embedded:nli")), Options())
    scorer(pairs[:64], no_progress)
    return seconds(lambda: scorer(pairs, no_progress)) / len(answers)


def estimators() -> dict[str, Callable[[], Any]]:
    """Return every estimator that reads matrices, each over all prompts at once."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.6, 0.6, 0.6], size=(PROMPTS, K, K))
    entail, contradict = p[..., 0].copy(), p[..., 1].copy()
    logprobs = -rng.random((PROMPTS, K))
    clusters = meaning.meaning_clusters(entail, contradict)
    return {
        "degree": lambda: semantic.degree(entail),
        "degree, leave one out": lambda: semantic.degree_leave_one_out(entail),
        "eccentricity": lambda: spectral.eccentricity(entail),
        "cocoa": lambda: semantic.cocoa(entail, logprobs),
        "meaning clusters": lambda: meaning.meaning_clusters(entail, contradict),
        "cluster surprise": lambda: meaning.cluster_surprise(clusters),
        "semantic entropy": lambda: meaning.semantic_entropy(clusters),
        "semantic entropy, Rao-Blackwell": lambda: meaning.semantic_entropy_rao_blackwell(
            clusters, logprobs
        ),
        "eigenvalues of the Laplacian": lambda: spectral.eigenvalue_laplacian(entail),
        "kernel language entropy": lambda: spectral.kernel_language_entropy(entail, contradict),
    }


def main() -> None:
    """Print the table and the share."""
    parser("estimators").parse_args()
    require_data()
    times = {name: seconds(call) for name, call in estimators().items()}
    matrix = matrix_seconds() * PROMPTS
    everything = sum(times.values())
    rows = [(name, f"{t:.2f} s", f"{t / matrix:.4%}") for name, t in times.items()]
    rows += [("all", f"{everything:.2f} s", f"{everything / matrix:.4%}")]
    rows += [(f"the matrix, scaled up from {MEASURED} prompts", f"{matrix:,.0f} s", "100%")]
    ratios = {"all_estimators_over_matrix": everything / matrix}
    write_results("estimators", ("10,000 prompts × 8", "median", "of the matrix"), rows, ratios)


if __name__ == "__main__":
    main()
