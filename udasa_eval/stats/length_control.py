"""Win rates with the effect of length taken out: AlpacaEval 2's, and a plainer one.

AlpacaEval 2's needs what alpaca_eval published with its leaderboard: how difficult each instruction
is, and how two baselines fared that were told to be verbose and concise.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from udasa_eval.stats.resampling import Floats, Ints
from udasa_eval.stats.win_rates import length_term, scored, sigmoid

_GAMED_WEIGHT: Final = 0.1  # of a gamed baseline's comparison: λ = 0.2, over two of them
_STRENGTHS: Final = 10  # of the L1 penalty, C from 1e-4 to 1e4
_FOLDS: Final = 5
_SEED: Final = 123
_NEWTON_STEPS: Final = 100
_PRIOR_SD: Final = (2.5, 10.0)  # of θ and ψ: weak; Gelman et al. 2008, Ann. Appl. Stat. 2(4)
_Z: Final = 1.959963984540054  # the normal distribution's 97.5% point


class Gamed(NamedTuple):
    """Comparisons of baselines told to be verbose, or concise, with the baseline: [M] each."""

    preference: Floats  # in [0, 1]; NaN is left out
    length: Floats  # tanh of the standardised difference in length
    difficulty: Floats  # of the instruction


class LengthControlled(NamedTuple):
    """A win rate as it would be, were the answers as long as the baseline's.

    ``of_prompt``, [N], has the rate as its mean, and what each prompt adds to its error as its
    spread (its influence; Hampel 1974, JASA 69(346)): two rates are compared, and their standard
    errors had, as if these were scores.
    """

    value: float
    stderr: float
    of_prompt: Floats
    length: float  # θ: the log-odds of a much longer baseline; below 0, length pleases
    difficulty: float  # w; NaN without difficulties
    quality: float  # ψ


class _Fit(NamedTuple):
    beta: Floats  # [P]
    hessian: Floats  # [P, P] of the negative log-likelihood


def length_controlled(
    preference: Floats,
    length: Floats,
    baseline_length: Floats,
    difficulty: Floats,
    gamed: Gamed,
) -> LengthControlled:
    """Return AlpacaEval 2's length-controlled win rate (``length_controlled_v1``).

    logit P(win on x) = θ · tanh(Δlen/sd) + w · γ_x + ψ [not gamed]; the rate is the mean of P over
    x at Δlen = 0 (Dubois et al. 2024, arXiv 2404.04475, eq. 2). It is fitted as alpaca_eval does:
    by scikit-learn's liblinear, the gamed comparisons beside the model's at a tenth of the weight,
    and an L1 penalty of the strength that does best in five folds.

    Args:
        preference: [N] in [0, 1], NaN unscored.
        length: [N] characters of the model's answers.
        baseline_length: [N] of the baseline's.
        difficulty: [N] γ_x as alpaca_eval published it.
        gamed: as published beside it.

    Raises:
        ValueError: nothing is scored, or a preference is outside [0, 1].
    """
    y, kept = scored(preference), np.isfinite(preference)
    term = length_term(length, baseline_length)
    own = np.column_stack([term, difficulty, np.ones(term.size)])
    told = np.isfinite(gamed.preference)
    others = np.column_stack([gamed.length, gamed.difficulty, np.zeros(told.size)])[told]
    x = np.concatenate([others, own[kept]])
    weight = np.concatenate([np.full(len(others), _GAMED_WEIGHT), np.ones(y.size)])
    beta = fit_l1(x, np.concatenate([gamed.preference[told], y]), weight)
    p = sigmoid(x @ beta)
    hessian = (x * (weight * p * (1 - p))[:, None]).T @ x
    return _at_equal_lengths(own, preference, _Fit(beta, hessian))


def length_adjusted(
    preference: Floats, length: Floats, baseline_length: Floats
) -> LengthControlled:
    """Return a win rate with length taken out where nothing is published to learn from.

    logit P(win) = θ · tanh(Δlen/sd) + ψ under weak normal priors, at Δlen = 0: alpaca_eval's
    formula ``length_controlled_minimal``. Without difficulties it lies farther from the raw rate
    than AlpacaEval 2's, and is not comparable with it.

    Args:
        preference: [N] in [0, 1], NaN unscored.
        length: [N] characters of the model's answers.
        baseline_length: [N] of the baseline's.

    Raises:
        ValueError: nothing is scored, or a preference is outside [0, 1].
    """
    y, kept = scored(preference), np.isfinite(preference)
    term = length_term(length, baseline_length)
    x = np.column_stack([term, np.ones(term.size)])
    found = _at_equal_lengths(x, preference, fit_normal(x[kept], y, np.array(_PRIOR_SD)))
    return found._replace(difficulty=float("nan"))


def logit_interval(value: float, stderr: float) -> tuple[float, float]:
    """Return a 95% interval symmetric in log-odds, so that it stays within (0, 1)."""
    spread = stderr / (value * (1 - value))
    centre = np.log(value) - np.log1p(-value)
    low, high = sigmoid(centre + np.array([-_Z, _Z]) * spread)
    return float(low), float(high)


def fit_l1(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Return logistic coefficients [P] under the L1 penalty that predicts held-out rows best.

    Every row stands twice, as a win with weight y and as a loss with weight 1 − y.

    Args:
        x: [N, P].
        y: [N] in [0, 1].
        weight: [N].
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    n = len(y)
    rows, won = np.tile(np.arange(n), 2), np.repeat([1, 0], n)
    weights = np.concatenate([weight * y, weight * (1 - y)])

    def fitted(strength: float, kept: Ints) -> Floats:
        model = LogisticRegression(
            C=strength,
            l1_ratio=1.0,
            solver="liblinear",
            fit_intercept=False,
            random_state=_SEED,
        )
        model.fit(x[rows[kept]], won[kept], sample_weight=weights[kept])
        return np.asarray(model.coef_[0])

    def loss(beta: Floats, kept: Ints) -> float:
        q = np.clip(sigmoid(x[kept] @ beta), 1e-15, 1 - 1e-15)
        return float(-(weight[kept] * (y[kept] * np.log(q) + (1 - y[kept]) * np.log(1 - q))).mean())

    strengths = np.logspace(-4, 4, _STRENGTHS)
    losses = np.zeros(_STRENGTHS)
    for train, test in GroupKFold(n_splits=_FOLDS).split(rows, groups=rows):
        losses += [loss(fitted(strength, train), rows[test]) for strength in strengths]
    return fitted(float(strengths[losses.argmin()]), np.arange(2 * n))


def fit_normal(x: Floats, y: Floats, prior_sd: Floats) -> _Fit:
    """Fit a logistic regression to targets in [0, 1] under normal priors, by Newton's method.

    Args:
        x: [N, P] features; a constant column is an intercept.
        y: [N] targets in [0, 1].
        prior_sd: [P] about 0; with them the objective is strictly convex.
    """
    precision = prior_sd**-2.0

    def loss(beta: Floats) -> float:
        z = x @ beta
        return float((np.logaddexp(0, z) - y * z).sum() + (precision * beta**2).sum() / 2)

    beta = np.zeros(x.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = sigmoid(x @ beta)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(precision)
        step = np.linalg.solve(hessian, x.T @ (p - y) + precision * beta)
        now, size = loss(beta), 1.0
        while loss(beta - size * step) > now and size > 1e-10:
            size /= 2
        beta = beta - size * step
        if np.abs(size * step).max() < 1e-10:
            break
    return _Fit(beta, hessian)


def _at_equal_lengths(x: Floats, preference: Floats, fit: _Fit) -> LengthControlled:
    """Return the mean P(win) where the first feature, the length term, is 0."""
    same = x.copy()
    same[:, 0] = 0.0
    p = sigmoid(same @ fit.beta)
    value = float(p.mean())
    # how the mean moves with each prompt: by its own p, and by its pull on the coefficients
    slope = (same * (p * (1 - p))[:, None]).mean(0)
    residual = np.nan_to_num(preference - sigmoid(x @ fit.beta))
    pull = (residual[:, None] * x) @ np.linalg.pinv(fit.hessian) @ slope
    influence = (p - value) + p.size * (pull - pull.mean())
    n = p.size
    return LengthControlled(
        value=value,
        stderr=float(influence.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan"),
        of_prompt=value + influence,
        length=float(fit.beta[0]),
        difficulty=float(fit.beta[1]),
        quality=float(fit.beta[-1]),
    )
