"""AlpacaEval 2's published win rates from its stored annotations: raw, and length-controlled.

Raw win rates need nothing else. The length-controlled ones need what is not in the data: the
difficulty γ_x of each instruction, fitted by alpaca_eval over its whole leaderboard, and two gamed
baselines that keep the length coefficient in bounds. In their place stand

1. normal priors of the coefficients, the mean and spread of those that alpaca_eval published for
   all models *other* than the annotated ones;
2. a normal distribution of difficulties, the one under which those other models' published
   coefficients give their published win rates;
3. difficulties fitted to the annotated models together, under 1 and 2;

and then alpaca_eval's own regression, one model at a time (``stats.length_controlled``). No
published number of an annotated model goes into its own result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage import read_parquet
from udasa_eval.stats import (
    Floats,
    LengthPriors,
    Normal,
    length_controlled,
    length_term,
    sigmoid,
    win_rate,
)
from udasa_eval.validation.outcome import Check

ANNOTATIONS: Final = "alpaca_eval/annotations.parquet"  # under a data folder
BASELINE: Final = "gpt4_1106_preview"
RAW_TOLERANCE: Final = 0.1  # points
CONTROLLED_TOLERANCE: Final = 2.0
_GROUP: Final = "alpaca_eval 2"
_COLUMNS: Final = (
    "np.tanh(std_delta_len)",
    "instruction_difficulty",
    "not_gamed_baseline.astype(float)",
)


class Annotated(NamedTuple):
    """A generator's comparisons with the baseline, by instruction: [N] each."""

    generator: str
    preference: Floats
    length: Floats
    baseline_length: Floats


class Published(NamedTuple):
    """What alpaca_eval published: leaderboard rows and coefficients by model."""

    leaderboard: dict[str, dict[str, float]]
    coefficients: dict[str, Floats]  # θ, w, ψ


class DifficultyModel(NamedTuple):
    """What is known of the regression before the annotations are seen."""

    priors: LengthPriors
    difficulty: Normal  # of γ over instructions


def check_alpaca_eval(data_dir: Path) -> list[Check]:
    """Rerun the published win rates of every annotated generator.

    Raises:
        UserError: a file of alpaca_eval/ is missing or is another one.
    """
    annotated, published = read_annotations(data_dir), read_published(data_dir)
    rows = [(model, published.leaderboard.get(model.generator)) for model in annotated]
    checks = [check for model, row in rows if row for check in _raw(model, row)]
    others = [model for model in annotated if model.generator != BASELINE]
    ours = length_controlled_rates(others, published)
    rates = [
        (model.generator, ours[model.generator], row["length_controlled_winrate"])
        for model, row in rows
        if row and model.generator in ours
    ]
    checks += [
        Check(
            group=_GROUP,
            name=f"length-controlled, {generator}",
            ours=our,
            theirs=their,
            tolerance=CONTROLLED_TOLERANCE,
            n=len(annotated[0].preference),
        )
        for generator, our, their in rates
    ]
    inversions = sum(
        (a[1] - b[1]) * (a[2] - b[2]) < 0 for n, a in enumerate(rates) for b in rates[n + 1 :]
    )
    order = "pairs of models in another order, length-controlled"
    return [
        *checks,
        Check(group=_GROUP, name=order, ours=inversions, theirs=0, tolerance=0, n=len(rates)),
    ]


def length_controlled_rates(annotated: list[Annotated], published: Published) -> dict[str, float]:
    """Return the length-controlled win rate of each generator, in points.

    Args:
        annotated: generators other than the baseline, the same instructions in the same order.
        published: rows and coefficients; those of the annotated generators are not used.
    """
    prior = difficulty_model(published, {model.generator for model in annotated})
    gamma = difficulties(annotated, prior)
    return {
        model.generator: 100
        * length_controlled(
            model.preference,
            model.length,
            model.baseline_length,
            difficulty=gamma,
            priors=prior.priors,
        ).value
        for model in annotated
    }


def difficulty_model(published: Published, left_out: set[str]) -> DifficultyModel:
    """Return priors from the published coefficients of all models but ``left_out``.

    The distribution of γ is the normal one under which mean_x σ(ψ + w γ_x) is nearest to the
    published length-controlled win rates (least squares, large residuals damped).

    Raises:
        UserError: fewer than three models are left.
    """
    from scipy.optimize import least_squares

    models = [
        model
        for model in published.coefficients
        if model in published.leaderboard and model not in left_out | {BASELINE}
    ]
    if len(models) < 3:
        raise UserError("alpaca_eval: fewer than three other models have published coefficients")
    beta = np.array([published.coefficients[model] for model in models])
    rates = np.array(
        [published.leaderboard[model]["length_controlled_winrate"] for model in models]
    )
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    weights /= weights.sum()

    def residuals(moments: Floats) -> Floats:
        gamma = moments[0] + np.exp(moments[1]) * nodes
        p = sigmoid(beta[:, 2:] + beta[:, 1:2] * gamma) @ weights
        return np.asarray(p - rates / 100)

    fitted = least_squares(residuals, np.zeros(2), loss="soft_l1", f_scale=0.01).x
    length, difficulty = (Normal(float(c.mean()), float(c.std(ddof=1))) for c in beta.T[:2])
    return DifficultyModel(
        LengthPriors(length=length, difficulty=difficulty),
        Normal(float(fitted[0]), float(np.exp(fitted[1]))),
    )


def difficulties(annotated: list[Annotated], model: DifficultyModel) -> Floats:
    """Return the likeliest γ_x of each instruction, [N], from all annotated generators together.

    logit P(m wins on x) = θ_m · tanh(Δlen/sd) + w · γ_x + ψ_m with one w, that of the prior's mean;
    θ_m and γ_x under their priors, ψ_m free.
    """
    from scipy.optimize import minimize

    y = np.array([generator.preference for generator in annotated])
    t = np.array(
        [length_term(generator.length, generator.baseline_length) for generator in annotated]
    )
    m, n = y.shape
    w, prior, of_gamma = model.priors.difficulty.mean, model.priors.length, model.difficulty

    def objective(beta: Floats) -> tuple[float, Floats]:
        theta, psi, gamma = beta[:m], beta[m : 2 * m], beta[2 * m :]
        z = theta[:, None] * t + psi[:, None] + w * gamma
        d_theta, d_gamma = (theta - prior.mean) / prior.sd, (gamma - of_gamma.mean) / of_gamma.sd
        loss = (np.logaddexp(0, z) - y * z).sum() + (d_theta**2).sum() / 2 + (d_gamma**2).sum() / 2
        r = sigmoid(z) - y
        gradient = [
            (r * t).sum(1) + d_theta / prior.sd,
            r.sum(1),
            w * r.sum(0) + d_gamma / of_gamma.sd,
        ]
        return float(loss), np.concatenate(gradient)

    start = np.concatenate([np.full(m, prior.mean), np.full(m, -2.0), np.zeros(n)])
    fitted = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000})
    return np.asarray(fitted.x[2 * m :])


def unpublished(data_dir: Path) -> list[str]:
    """Return the annotated generators that have no row on the published leaderboard.

    Raises:
        UserError: a file is missing or is another one.
    """
    rows = read_published(data_dir).leaderboard
    generators = [model.generator for model in read_annotations(data_dir)]
    return [generator for generator in generators if generator not in rows]


def read_annotations(data_dir: Path) -> list[Annotated]:
    """Return the annotated generators, each over all instructions in order.

    Raises:
        UserError: the file is missing or lacks a column.
    """
    table = _table(data_dir / ANNOTATIONS).sort("idx")
    return [
        Annotated(
            str(generator),
            rows["preference"].cast(pl.Float64).to_numpy() - 1.0,
            *(rows[name].cast(pl.Float64).to_numpy() for name in ("len_2", "len_1")),
        )
        for (generator,), rows in table.group_by("generator_2", maintain_order=True)
    ]


def read_published(data_dir: Path) -> Published:
    """Return what alpaca_eval published.

    Raises:
        UserError: a file is missing or lacks a column.
    """
    rows = _table(data_dir / "alpaca_eval/leaderboard.parquet").iter_rows(named=True)
    table = _table(data_dir / "alpaca_eval/lc_coefficients.csv")
    coefficients = dict(
        zip(table[table.columns[0]], table.select(_COLUMNS).to_numpy(), strict=True)
    )
    return Published({row["model"]: row for row in rows}, coefficients)


def _raw(model: Annotated, row: dict[str, float]) -> list[Check]:
    rate = win_rate(model.preference)
    numbers = (
        ("raw", 100 * rate.value, row["win_rate"], RAW_TOLERANCE),
        ("standard error", 100 * rate.stderr, row["standard_error"], RAW_TOLERANCE),
        ("wins", rate.wins, row["n_wins"], 0.0),
        ("ties", rate.ties, row["n_draws"], 0.0),
    )
    return [
        Check(
            group=_GROUP,
            name=f"{name}, {model.generator}",
            ours=ours,
            theirs=theirs,
            tolerance=tolerance,
            n=rate.n,
        )
        for name, ours, theirs, tolerance in numbers
    ]


def _table(path: Path) -> pl.DataFrame:
    try:
        with path.open("rb"):
            return pl.read_csv(path) if path.suffix == ".csv" else read_parquet(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path}: not the table that was expected") from error
