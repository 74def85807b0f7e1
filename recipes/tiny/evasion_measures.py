"""What the embedded classifier of evasive answers is measured on: TruthfulQA's unseen questions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from udasa_data.scoring.ngrams import load_linear
from udasa_eval.stats import mean_interval
from udasa_eval.stats.ranking import auroc, clustered

from .cards import Metric
from .train_evasion import EVASIVE, everyday, judged


def evasion(folder: Path, data_dir: Path) -> list[Metric]:  # noqa: ARG001 (of the protocol)
    """AUROC of P(evasive) against people's labels; precision and recall at its threshold."""
    model = load_linear("evasion")
    answers = judged(data_dir, test=True)
    p = model.probabilities([a.found for a in answers])[:, -1]
    is_evasive = np.array([float(a.label == EVASIVE) for a in answers])
    _, question = np.unique([a.prompt for a in answers], return_inverse=True)
    area = clustered(lambda at: auroc(p[at], is_evasive[at]), question)
    said = p >= model.threshold
    plain = model.probabilities([a.found for a in everyday(data_dir)])[:, -1]
    return [
        Metric("AUROC, TruthfulQA", area.value, area.low, area.high, len(p), "≥ 0.85"),
        _share("precision, TruthfulQA", is_evasive[said]),
        _share("recall, TruthfulQA", said[is_evasive == 1.0].astype(np.float64)),
        _share("everyday answers, learnt", (plain >= model.threshold).astype(np.float64)),
    ]


def _share(name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Metric:
    interval = mean_interval(values)
    return Metric(name, interval.mean, interval.low, interval.high, interval.n, "")
