"""Win rates against a baseline: raw, with ties, and controlled for length.

A preference is the probability that the model's answer is better than the baseline's: 1 a win, 0
a loss, ½ a tie, anything between from a judge that weighs; NaN is unscored. Win rates are shares
in [0, 1], higher is better; alpaca_eval prints them times 100.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from udasa_eval.stats.intervals import standard_error
from udasa_eval.stats.resampling import Floats

TIE_WIDTH: Final = 1e-6  # preferences this close to ½ are ties
_NEWTON_STEPS: Final = 100
_Z: Final = 1.959963984540054  # the normal distribution's 97.5% point


class WinRate(NamedTuple):
    """A raw win rate: the mean preference, ties counted half."""

    value: float
    stderr: float  # of the mean over prompts; NaN for fewer than two
    wins: int
    ties: int
    losses: int
    unscored: int

    @property
    def n(self) -> int:
        """Return how many prompts were scored."""
        return self.wins + self.ties + self.losses


class Normal(NamedTuple):
    """A normal prior of one coefficient."""

    mean: float
    sd: float


class LengthPriors(NamedTuple):
    """Priors of the length-controlled regression, on the scale of log-odds."""

    length: Normal = Normal(0.0, 2.5)  # weak; Gelman et al. 2008, Annals of Applied Statistics 2(4)
    difficulty: Normal = Normal(1.0, 2.5)
    quality: Normal = Normal(0.0, 10.0)  # keeps all-won and all-lost runs finite


WEAK: Final = LengthPriors()


class LengthControlled(NamedTuple):
    """A win rate as it would be, were the answers as long as the baseline's."""

    value: float
    stderr: float
    low: float  # 95%, on the scale of log-odds
    high: float
    length: float  # θ: the log-odds of a much longer baseline; below 0, length pleases
    difficulty: float  # w; NaN without difficulties
    quality: float  # ψ
    n: int
    unscored: int


def win_rate(preference: Floats) -> WinRate:
    """Return the mean preference and the wins, ties and losses behind it.

    Args:
        preference: [N] in [0, 1], of the model's answer; NaN is unscored, counted and left out.

    Raises:
        ValueError: nothing is scored, or a preference is outside [0, 1].
    """
    scored = _scored(preference)
    ties = int((np.abs(scored - 0.5) <= TIE_WIDTH).sum())
    wins = int((scored > 0.5 + TIE_WIDTH).sum())
    n = scored.size
    mean, stderr = float(scored.mean()), standard_error(scored)
    return WinRate(mean, stderr, wins, ties, n - wins - ties, preference.size - n)


def length_term(length: Floats, baseline_length: Floats) -> Floats:
    """Return tanh((len_baseline − len_model) / sd), [N] in [−1, 1]; 0 for equal lengths.

    The sd is that of the differences, which are not centred (alpaca_eval,
    ``metrics/glm_winrate.py``; Dubois et al. 2024, arXiv 2404.04475, §3).

    Args:
        length: [N] characters of the model's answers.
        baseline_length: [N] of the baseline's.
    """
    difference = baseline_length.astype(np.float64) - length
    sd = float(difference.std(ddof=1)) if difference.size > 1 else 0.0
    if sd == 0.0:
        return np.sign(difference)
    return np.tanh(difference / sd)


def length_controlled(
    preference: Floats,
    length: Floats,
    baseline_length: Floats,
    *,
    difficulty: Floats | None = None,
    priors: LengthPriors = WEAK,
) -> LengthControlled:
    """Return the win rate with the effect of length taken out by a logistic regression.

    logit P(win on x) = θ · tanh(Δlen/sd) + w · γ_x + ψ, fitted to the preferences as targets of a
    weighted likelihood; the win rate is the mean over x at Δlen = 0 (Dubois et al. 2024, arXiv
    2404.04475, eq. 2). alpaca_eval keeps θ in bounds by two gamed baselines and an L1 penalty;
    here normal priors do, given by ``priors``. Without difficulties γ, the term is left out: a win
    rate from ψ alone then lies farther from the raw one where prompts differ much in difficulty.

    Args:
        preference: [N] in [0, 1], NaN unscored.
        length: [N] characters of the model's answers.
        baseline_length: [N] of the baseline's.
        difficulty: [N] γ_x, finite; above 0 where the baseline is easily beaten.
        priors: of θ, w and ψ.

    Returns:
        the standard error comes from the influence of each prompt on fit and mean.

    Raises:
        ValueError: nothing is scored, a preference is outside [0, 1], or the shapes differ.
    """
    if not preference.shape == length.shape == baseline_length.shape:
        raise ValueError("a preference and two lengths a prompt are needed")
    y = _scored(preference)
    kept = np.isfinite(preference)
    term = length_term(length, baseline_length)[kept]
    x, terms = _features(term, None if difficulty is None else difficulty[kept], priors)
    beta, hessian = fit_logistic(x, y, terms)
    value, stderr = _rate_at_equal_lengths(x, y, beta, hessian)
    low, high = _logit_interval(value, stderr)
    return LengthControlled(
        value=value,
        stderr=stderr,
        low=low,
        high=high,
        length=float(beta[0]),
        difficulty=float(beta[1]) if difficulty is not None else float("nan"),
        quality=float(beta[-1]),
        n=y.size,
        unscored=preference.size - y.size,
    )


def _features(
    term: Floats, difficulty: Floats | None, priors: LengthPriors
) -> tuple[Floats, list[Normal]]:
    """Return the regression's columns [N, P] (length term, difficulty if any, 1), and priors."""
    if difficulty is None:
        return np.stack([term, np.ones(term.size)], axis=1), [priors.length, priors.quality]
    return np.stack([term, difficulty, np.ones(term.size)], axis=1), list(priors)


def _rate_at_equal_lengths(
    x: Floats, y: Floats, beta: Floats, hessian: Floats
) -> tuple[float, float]:
    """Return the mean P(win) where the first feature, the length term, is 0; and its stderr."""
    x_same = x.copy()
    x_same[:, 0] = 0.0
    p = sigmoid(x_same @ beta)
    value = float(p.mean())
    # how the mean moves with each prompt: by its own p, and by its pull on the coefficients
    slope = (x_same * (p * (1 - p))[:, None]).mean(0)
    pull = ((y - sigmoid(x @ beta))[:, None] * x) @ np.linalg.solve(hessian, slope)
    influence = (p - value) / y.size + pull
    return value, float(np.sqrt((influence**2).sum()))


def fit_logistic(x: Floats, y: Floats, priors: list[Normal]) -> tuple[Floats, Floats]:
    """Fit a logistic regression to targets in [0, 1] under normal priors, by Newton's method.

    Args:
        x: [N, P] features; a constant column is an intercept.
        y: [N] targets in [0, 1].
        priors: [P]; with them the objective is strictly convex.

    Returns:
        the mode [P] and the Hessian of the negative log-posterior there [P, P].
    """
    mean = np.array([prior.mean for prior in priors])
    precision = np.array([prior.sd**-2 for prior in priors])

    def loss(beta: Floats) -> float:
        z = x @ beta
        return float(
            (np.logaddexp(0, z) - y * z).sum() + (precision * (beta - mean) ** 2).sum() / 2
        )

    beta = mean.copy()
    for _ in range(_NEWTON_STEPS):
        p = sigmoid(x @ beta)
        gradient = x.T @ (p - y) + precision * (beta - mean)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        now, size = loss(beta), 1.0
        while loss(beta - size * step) > now and size > 1e-10:
            size /= 2
        beta = beta - size * step
        if np.abs(size * step).max() < 1e-10:
            break
    return beta, hessian


def sigmoid(z: Floats) -> Floats:
    """Return 1 / (1 + e^−z)."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)))


def _scored(preference: Floats) -> Floats:
    scored: Floats = preference[np.isfinite(preference)]
    if scored.size == 0:
        raise ValueError("nothing is scored")
    if scored.min() < 0 or scored.max() > 1:
        raise ValueError(f"preferences from {scored.min()} to {scored.max()}: not in [0, 1]")
    return scored


def _logit_interval(value: float, stderr: float) -> tuple[float, float]:
    """Return a 95% interval symmetric in log-odds, so that it stays within (0, 1)."""
    spread = stderr / (value * (1 - value))
    centre = np.log(value) - np.log1p(-value)
    low, high = sigmoid(centre + np.array([-_Z, _Z]) * spread)
    return float(low), float(high)
