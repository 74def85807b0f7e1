"""Weights of the dimensions by axis, and the slope of P(chosen better), from labelled answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import polars as pl
import yaml
from scipy.optimize import minimize, minimize_scalar

from benchmarks.pair_quality.labels import Floats, Labels
from udasa_data.pairing import shipped_fits
from udasa_data.schema import Dimension

RIDGE: Final = 0.02  # of the mean squared coefficient: corpora are small
_STEEPEST: Final = 20.0  # slope
LOSS: Final = 0.02  # of the share of comparisons in order, that a dimension must be worth


class Comparisons(NamedTuple):
    """The decided pairs of answers of an axis, both of them fit: [N, 3] c_worse − c_better."""

    difference: Floats
    prompt: list[str]  # [N]


def comparisons(answers: pl.DataFrame, labels: Labels, corpora: Sequence[str]) -> Comparisons:
    """Return the decided pairs of fit answers of some corpora.

    A dimension that an answer lacks counts as the mean of its prompt's others, as in pairing.
    """
    rows, prompts = [], []
    of_corpora = answers.filter(pl.col("corpus").is_in(corpora))
    for (asked,), group in of_corpora.group_by("asked", maintain_order=True):
        kept = group.filter(~pl.col("evasive"))
        c = kept.select(f"c_{d}" for d in Dimension).to_numpy()
        mean = [float(np.nanmean(col)) if np.isfinite(col).any() else 0.5 for col in c.T]
        c = np.where(np.isfinite(c), c, mean)
        at = {place: n for n, place in enumerate(kept["place"].to_list())}
        for better, worse in sorted(labels[str(asked)].better):
            if better in at and worse in at:
                rows.append(c[at[worse]] - c[at[better]])
                prompts.append(str(asked))
    return Comparisons(np.array(rows).reshape(-1, len(Dimension)), prompts)


def fit(found: Comparisons, free: Sequence[bool]) -> Floats:
    """Return [3] coefficients ≥ 0 of P(better) = σ(b · Δc), each prompt counting once.

    The combined uncertainty is Σ w c / Σ w, so that with w = b the log-odds are (Σ b) Δu. A ridge
    decides between the dimensions, of which a small corpus says little; their sum, one number, is
    then fitted without it, since it would take half of what is sure away from P.

    Args:
        found: the comparisons.
        free: [3] which coefficients may be above 0.
    """
    _, prompt, count = np.unique(found.prompt, return_inverse=True, return_counts=True)
    weight = 1.0 / count[prompt]
    weight /= weight.sum()

    def loss(b: Floats) -> float:
        return float(weight @ np.logaddexp(0.0, -(found.difference @ b)))

    def shrunk(b: Floats) -> float:
        return loss(b) + RIDGE * float(b @ b) / len(b)

    bounds = [(0.0, None if f else 0.0) for f in free]
    b = np.asarray(minimize(shrunk, np.ones(len(free)) * 0.1, bounds=bounds).x)
    if not b.sum():
        return b
    steep = minimize_scalar(lambda s: loss(s * b / b.sum()), bounds=(0, _STEEPEST))
    return np.asarray(b / b.sum() * steep.x)


def sparse(found: Comparisons, free: Sequence[bool]) -> tuple[Floats, float]:
    """Return [3] coefficients of as few dimensions as do, and their :func:`left_out`.

    A dimension that tells little brings its noise along, for which pairs are dropped: of all sets
    of dimensions that are within ``LOSS`` of the best, one with the fewest is taken, the best of
    these.
    """
    sets = [
        tuple(n in chosen for n in range(len(free)))
        for size in range(1, sum(free) + 1)
        for chosen in combinations(np.flatnonzero(free).tolist(), size)
    ]
    share = {kept: left_out(found, kept) for kept in sets}
    enough = max(share.values()) - LOSS
    fewest = min(
        (kept for kept in sets if share[kept] >= enough), key=lambda k: (sum(k), -share[k])
    )
    return fit(found, fewest), share[fewest]


def left_out(found: Comparisons, free: Sequence[bool], folds: int = 10) -> float:
    """Return the share of comparisons in order, each prompt's by a fit of the others' alone."""
    prompts, of, count = np.unique(found.prompt, return_inverse=True, return_counts=True)
    fold = (np.random.default_rng(0).permutation(len(prompts)) % folds)[of]
    right = np.zeros(len(of))
    for held in range(folds):
        seen, unseen = np.flatnonzero(fold != held), fold == held
        rest = Comparisons(found.difference[seen], [found.prompt[n] for n in seen])
        score = found.difference[unseen] @ fit(rest, free)
        right[unseen] = (score > 0) + 0.5 * (score == 0)
    return float(np.average(right, weights=1.0 / count[of]))


def write(out: Path, fitted: Mapping[str, tuple[Floats, int, Sequence[str]]]) -> None:
    """Write ``reliability.json``: weights with the largest at 1, slope, n prompts, corpora.

    ``reliability.yaml`` has the same as a build's ``--config`` takes it.
    """
    content: dict[str, Any] = {kind: msgspec.to_builtins(f) for kind, f in shipped_fits().items()}
    for kind, (b, n, corpora) in fitted.items():
        weights = np.round(b / b.max(), 2)
        content[kind] = {
            "weights": dict(zip(map(str, Dimension), weights.tolist(), strict=True)),
            "slope": round(float(b.sum()), 3),
            "n": n,
            "corpora": list(corpora),
        }
    text = json.dumps(content, indent=1) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    (out / "reliability.json").write_text(text, encoding="utf-8")
    given = yaml.safe_dump({"reliability": content}, sort_keys=False)
    (out / "reliability.yaml").write_text(given, encoding="utf-8")
