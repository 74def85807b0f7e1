"""What labelled answers say of the uncertainties: weights by axis, and P(chosen is the better)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, TypeAlias

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from udasa_data.config import EMBEDDED, BuildConfig, Fit
from udasa_data.schema import Axis, Dimension

Floats: TypeAlias = NDArray[np.float64]
Fits: TypeAlias = Mapping[str, Fit]  # by kind of prompt: the axes, and the kinds below

EVIDENCE: Final = "evidence"  # of prompts whose answers can be checked against evidence
# of prompts of truthfulness: samples of a policy that gives no log-probabilities; and answers that
# come without seeds as well, of which nothing says that one policy gave them: where several models
# did, they agree on the same popular errors, and agreement says nothing
UNLOGGED: Final = "truthfulness without log-probabilities"
UNKNOWN: Final = "truthfulness of unknown origin"
_CHECKED: Final = (Axis.TRUTHFULNESS.value, Axis.HELPFULNESS.value)


@cache
def shipped_fits() -> Fits:
    """Return the frozen fits by kind, made with the embedded scorers."""
    text = files("udasa_data.pairing").joinpath("reliability.json").read_text(encoding="utf-8")
    return msgspec.convert(json.loads(text), dict[str, Fit])


def fits_of(config: BuildConfig) -> Fits:
    """Return the fits of a build by kind: those that ship, its own over them.

    ``weights`` of a configuration are of all kinds alike.
    """
    fits: dict[str, Fit] = {**shipped_fits()}
    fits |= {str(kind): fit for kind, fit in config.reliability.items()}
    if config.weights is None:
        return fits
    return {k: msgspec.structs.replace(f, weights=config.weights) for k, f in fits.items()}


def unmeasured(config: BuildConfig) -> list[str]:
    """Return a note where pairs go by fits that were not made with the build's own scorers."""
    refs = [config.nli, *config.value]
    others = [ref.id for ref in refs if not ref.id.startswith(EMBEDDED)]
    if not others or all(kind in config.reliability for kind in shipped_fits()):
        return []
    note = (
        "pairs: weights and p_chosen_better were fitted with the embedded scorers, not with "
        f"{', '.join(others)}; your own fits go into 'reliability' (docs/pair_quality.md)"
    )
    return [note]


def kinds_of(answers: pl.DataFrame) -> NDArray[np.str_]:
    """Return [N] what an answer's prompt counts as: its axis, or a kind of its own.

    Evidence speaks of facts: harmlessness and sentiment stay what they are.

    Args:
        answers: N rows with ``run, prompt_id, axis, context, seed, mean_logprob``.
    """
    has_evidence = pl.col("context").fill_null("").str.strip_chars() != ""
    asks_truth = pl.col("axis") == Axis.TRUTHFULNESS
    logged, sampled = (
        pl.col(name).fill_nan(None).is_not_null().any().over("run", "prompt_id")
        for name in ("mean_logprob", "seed")
    )
    kind = (
        pl.when(has_evidence & pl.col("axis").is_in(_CHECKED))
        .then(pl.lit(EVIDENCE))
        .when(asks_truth & ~logged)
        .then(pl.when(sampled).then(pl.lit(UNLOGGED)).otherwise(pl.lit(UNKNOWN)))
        .otherwise("axis")
    )
    return answers.select(kind.alias("kind"))["kind"].to_numpy().astype(str)


def weights_of(kinds: NDArray[np.str_], fits: Fits) -> Floats:
    """Return [N, 3] the weights of the dimensions.

    Args:
        kinds: [N], of :func:`kinds_of`.
        fits: of the build.
    """
    names, row = np.unique(kinds, return_inverse=True)
    table = [[getattr(fits[name].weights, d) for d in Dimension] for name in names.tolist()]
    return np.array(table, dtype=np.float64).reshape(-1, len(Dimension))[row]


def p_chosen_better(delta_u: Floats, kinds: NDArray[np.str_], fits: Fits) -> Floats:
    """Return how likely the chosen answer is the better one.

    P = σ(s_a · Δu): a Bradley–Terry model (Bradley & Terry 1952) whose scores are −s_a · u, with
    one slope s_a a kind, so that equal uncertainties say nothing: P = ½.

    Args:
        delta_u: [N] in [0, 1].
        kinds: [N], of :func:`kinds_of`.
        fits: of the build.

    Returns:
        [N] in [0.5, 1).
    """
    slope = np.array([fits[kind].slope for kind in kinds.tolist()], dtype=np.float64)
    result: Floats = 1.0 / (1.0 + np.exp(-slope * delta_u))
    return result
