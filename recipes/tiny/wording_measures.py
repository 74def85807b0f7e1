"""What the classifiers of an answer's words are measured on: questions they never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from udasa_data.scorers.ngrams import read_linear
from udasa_data.scorers.wording import help_features
from udasa_eval.stats import SHARE, mean_interval
from udasa_eval.stats.ranking import auroc, clustered

from .cards import Metric
from .helped import helped
from .linear import Answer
from .sources import Preferred, hh_pairs
from .train_wording import everyday, judged

ALIKE: Final = 1.25  # longer over shorter, in characters, from which lengths match no more


def evasion(folder: Path, data_dir: Path) -> list[Metric]:
    """AUROC of P(evasive) against people's labels; precision and recall at its threshold."""
    model, answers = read_linear(str(folder)), judged(data_dir, "evasion", test=True)
    p = model.probabilities([a.found for a in answers])[:, -1]
    is_evasive = np.array([float(a.label) for a in answers])
    said = p >= model.threshold
    plain = model.probabilities([a.found for a in everyday(data_dir)])[:, -1]
    return [
        _area("AUROC, TruthfulQA", p, answers, "≥ 0.85"),
        _share("precision, TruthfulQA", is_evasive[said]),
        _share("recall, TruthfulQA", said[is_evasive == 1.0].astype(np.float64)),
        _share("everyday answers, learnt", (plain >= model.threshold).astype(np.float64)),
    ]


def truth(folder: Path, data_dir: Path) -> list[Metric]:
    """AUROC of P(untruthful) over all answers, and over two answers to one question."""
    model, answers = read_linear(str(folder)), judged(data_dir, "truth", test=True)
    p = model.probabilities([a.found for a in answers])[:, -1]
    return [
        _area("AUROC, TruthfulQA", p, answers, "≥ 0.72"),
        _share("two answers to one question in order", _in_order(p, answers)),
    ]


def helpfulness(folder: Path, data_dir: Path) -> list[Metric]:
    """Return how often it prefers what people prefer, ties counting half; HH it never saw."""
    model = read_linear(str(folder))

    def metric(name: str, pairs: list[Preferred]) -> Metric:
        sides = [
            model.probabilities([help_features(p.prompt, getattr(p, side)) for p in pairs])[:, 0]
            for side in ("chosen", "rejected")
        ]
        right = (sides[0] > sides[1]) + 0.5 * (sides[0] == sides[1])
        _, prompt = np.unique([p.prompt for p in pairs], return_inverse=True)
        found = clustered(lambda at: float(right[at].mean()), prompt)
        return Metric(f"accuracy, {name}", found.value, found.low, found.high, len(pairs))

    helpful = hh_pairs(data_dir, "helpful")
    return [
        metric("HH helpful pairs", helpful),
        metric("HH helpful pairs, lengths alike", [p for p in helpful if same_length(p)]),
        metric("unseen PandaLM and Auto-J pairs", unseen := helped(data_dir, test=True)),
        metric("the same, lengths alike", [p for p in unseen if same_length(p)]),
    ]


def same_length(pair: Preferred) -> bool:
    """Return whether the longer of two answers has at most a quarter more characters."""
    lengths = sorted((len(pair.chosen), len(pair.rejected)))
    return lengths[1] <= ALIKE * lengths[0]


def _in_order(p: NDArray[np.float64], answers: list[Answer]) -> NDArray[np.float64]:
    """Return, of each question, the share of its decided pairs of answers that are in order."""
    label = np.array([a.label for a in answers], dtype=bool)
    question = np.array([a.prompt for a in answers])
    shares = []
    for asked in np.unique(question):
        at = question == asked
        right, wrong = p[at & ~label], p[at & label]
        if len(right) and len(wrong):
            shares.append(float((right[:, None] < wrong[None, :]).mean()))
    return np.array(shares)


def _area(name: str, p: NDArray[np.float64], answers: list[Answer], aim: str) -> Metric:
    labels = np.array([float(a.label) for a in answers])
    _, question = np.unique([a.prompt for a in answers], return_inverse=True)
    area = clustered(lambda at: auroc(p[at], labels[at]), question)
    return Metric(name, area.value, area.low, area.high, len(p), aim)


def _share(name: str, values: NDArray[np.float64]) -> Metric:
    interval = mean_interval(values, within=SHARE)
    return Metric(name, interval.mean, interval.low, interval.high, interval.n, "")
