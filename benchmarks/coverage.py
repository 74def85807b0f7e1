"""How often the 95% intervals hold the true mean, by kind of score and number of prompts.

Samples are drawn from known distributions; each is given to ``udasa_eval.stats`` as a run's scores
are. "width" is the interval's mean width, "ends" the least and the most it reached. Below stand
paired comparisons of two systems without a true difference: how often a difference is found at 5%.
--draws N: samples a cell (a coverage of .95 has a standard error of √(.95 · .05 / N)).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_eval.stats import SHARE, Range, compare, mean_interval

Floats = NDArray[np.float64]
Rng = np.random.Generator
SIZES: Final = (10, 24, 50, 100, 1000)
REPLICATES: Final = 799
SAMPLES: Final = 8  # of a prompt, where scores are clustered


class Kind(NamedTuple):
    """A distribution of scores with its mean."""

    draw: Callable[[Rng, int], Floats]
    mean: float
    within: Range | None = SHARE


SCORES: Final[Mapping[str, Kind]] = {
    "rate .05": Kind(lambda g, n: (g.random(n) < 0.05).astype(float), 0.05),
    "rate .3": Kind(lambda g, n: (g.random(n) < 0.3).astype(float), 0.3),
    "uniform": Kind(lambda g, n: g.random(n), 0.5),
    "skewed, Beta(1, 9)": Kind(lambda g, n: g.beta(1, 9, n), 0.1),
    "skewed, Beta(.1, .9)": Kind(lambda g, n: g.beta(0.1, 0.9, n), 0.1),
    "skewed share of .02": Kind(lambda g, n: g.beta(0.05, 2.45, n), 0.02),
    "skewed share of .95": Kind(lambda g, n: 1 - g.beta(0.2, 3.8, n), 0.95),
    "zero in 60%": Kind(lambda g, n: (g.random(n) > 0.6) * g.beta(2, 5, n), 0.4 * 2 / 7),
    "zero in 80%": Kind(lambda g, n: (g.random(n) > 0.8) * g.random(n), 0.1),
    "zero in 90%": Kind(lambda g, n: (g.random(n) > 0.9) * g.beta(2, 2, n), 0.05),
    "tied, 0 ½ 1": Kind(lambda g, n: g.choice([0, 0.5, 1], p=[0.5, 0.2, 0.3], size=n), 0.4),
    "tied, mostly 0": Kind(lambda g, n: g.choice([0, 0.5, 1], p=[0.9, 0.06, 0.04], size=n), 0.07),
    "heaped at both ends": Kind(lambda g, n: g.beta(0.1, 0.1, n), 0.5),
    "clustered rates": Kind(
        lambda g, n: (g.random((n, SAMPLES)) < g.beta(0.3, 1.2, n)[:, None]).astype(float), 0.2
    ),
    "clustered, skewed": Kind(
        lambda g, n: np.clip(g.beta(0.5, 4.5, n)[:, None] * g.uniform(0, 2, (n, SAMPLES)), 0, 1),
        0.09972,
    ),
    "no range, normal": Kind(lambda g, n: g.normal(size=n), 0.0, None),
    "no range, exponential": Kind(lambda g, n: g.exponential(size=n), 1.0, None),
    "no range, log-normal": Kind(lambda g, n: g.lognormal(size=n), float(np.exp(0.5)), None),
}

# a and b of one mean, and the range of their scores
PAIRS: Final[Mapping[str, tuple[Callable[[Rng, int], tuple[Floats, Floats]], Range | None]]] = {
    "rates": (lambda g, n: (_coin(g, n, 0.1), _coin(g, n, 0.1)), SHARE),
    "rates with ties": (lambda g, n: (_thirds(g, n), _thirds(g, n)), SHARE),
    "shares": (lambda g, n: (g.beta(2, 2, n), g.beta(2, 2, n)), SHARE),
    "skewed shares": (lambda g, n: (g.beta(0.2, 1.8, n), g.beta(5, 45, n)), SHARE),
    "mostly equal": (lambda g, n: _mostly_equal(g, n), SHARE),  # noqa: PLW0108 (defined below)
    "no range, normal": (lambda g, n: (g.normal(size=n), g.normal(size=n)), None),
    "no range, skewed": (lambda g, n: (g.exponential(size=n), np.ones(n)), None),
    "no range, log-normal": (
        lambda g, n: (g.lognormal(size=n), np.full(n, np.exp(0.5))),
        None,
    ),
}


def _coin(g: Rng, n: int, p: float) -> Floats:
    return (g.random(n) < p).astype(float)


def _thirds(g: Rng, n: int) -> Floats:
    return g.choice([0.0, 0.5, 1.0], p=[0.6, 0.1, 0.3], size=n)


def _mostly_equal(g: Rng, n: int) -> tuple[Floats, Floats]:
    a, other = g.beta(1, 3, n), g.beta(1, 3, n)
    return a, np.where(g.random(n) < 0.8, a, other)


def coverage(kind: Kind, n: int, draws: int) -> tuple[float, float, float, float]:
    """Return coverage, mean width, and the least and the most that an interval reached."""
    g = np.random.default_rng(n)
    ends = np.array([_interval(kind.draw(g, n), kind.within, seed) for seed in range(draws)])
    held = (ends[:, 0] <= kind.mean) & (kind.mean <= ends[:, 1])
    return (
        float(held.mean()),
        float((ends[:, 1] - ends[:, 0]).mean()),
        float(ends.min()),
        float(ends.max()),
    )


def _interval(scores: Floats, within: Range | None, seed: int) -> tuple[float, float]:
    clusters = np.repeat(np.arange(len(scores)), SAMPLES) if scores.ndim == 2 else None
    found = mean_interval(
        scores.ravel(), within=within, clusters=clusters, seed=seed, replicates=REPLICATES
    )
    if np.isnan(found.low):  # one value for all, of scores without a range: no interval
        return found.mean, found.mean
    return found.low, found.high


def false_positives(name: str, n: int, draws: int) -> float:
    """Return how often two systems of one mean are told apart at 5%."""
    draw, within = PAIRS[name]
    g = np.random.default_rng(n)
    found = [
        compare(*draw(g, n), within=within, seed=seed, replicates=REPLICATES).p_value < 0.05
        for seed in range(draws)
    ]
    return float(np.mean(found))


def main() -> None:
    """Simulate every kind at every size."""
    options = parser("coverage")
    options.add_argument("--draws", type=int, default=1000)
    arguments: argparse.Namespace = options.parse_args()
    rows = []
    least, most = 1.0, 0.0
    for name, kind in SCORES.items():
        for n in SIZES:
            held, width, low, high = coverage(kind, n, arguments.draws)
            if kind.within is not None:
                least, most = min(least, held), max(most, held)
            rows.append(
                (
                    *("95% interval", name, str(n), f"{held:.3f}"),
                    *(f"{width:.3f}", f"{low:.3f} … {high:.3f}"),
                )
            )
    for name in PAIRS:
        for n in SIZES:
            found = false_positives(name, n, arguments.draws)
            rows.append(("no difference", name, str(n), f"{found:.3f}", "", ""))
    header = ("what", "scores", "n", "held, found", "width", "ends")
    write_results("coverage", header, rows, {"least coverage of shares": least, "most": most})


if __name__ == "__main__":
    main()
