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

from udasa_data.config import Weights
from udasa_data.schema import Axis, Dimension

Floats: TypeAlias = NDArray[np.float64]


EVIDENCE: Final = "evidence"  # of prompts whose answers can be checked against evidence
# of prompts of truthfulness: samples of a policy that gives no log-probabilities; and answers that
# come without seeds as well, of which nothing says that one policy gave them: where several models
# did, they agree on the same popular errors, and agreement says nothing
UNLOGGED: Final = "truthfulness without log-probabilities"
UNKNOWN: Final = "truthfulness of unknown origin"
_CHECKED: Final = (Axis.TRUTHFULNESS.value, Axis.HELPFULNESS.value)


class AxisFit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one kind of prompts, fitted once and frozen (``benchmarks/pair_quality``).

    Attributes:
        weights: of the calibrated dimensions.
        slope: of the log-odds that the chosen answer is the better one, per unit of ``delta_u``.
        n: labelled prompts that it was fitted on.
        corpora: that they are from.
    """

    weights: Weights
    slope: float
    n: int
    corpora: tuple[str, ...]


@cache
def axis_fits() -> Mapping[str, AxisFit]:
    """Return the frozen fits by kind: the axes, ``EVIDENCE``, ``UNLOGGED`` and ``UNKNOWN``."""
    text = files("udasa_data.pairing").joinpath("reliability.json").read_text(encoding="utf-8")
    return msgspec.convert(json.loads(text), dict[str, AxisFit])


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


def weights_of(kinds: NDArray[np.str_], given: Weights | None) -> Floats:
    """Return [N, 3] the weights of the dimensions: those given, else each kind's own.

    Args:
        kinds: [N], of :func:`kinds_of`.
        given: of the configuration, for all alike.
    """
    by_kind = {kind: given or fit.weights for kind, fit in axis_fits().items()}
    names, row = np.unique(kinds, return_inverse=True)
    table = [[getattr(by_kind[name], d) for d in Dimension] for name in names.tolist()]
    return np.array(table, dtype=np.float64).reshape(-1, len(Dimension))[row]


def p_chosen_better(delta_u: Floats, kinds: NDArray[np.str_]) -> Floats:
    """Return how likely the chosen answer is the better one.

    P = σ(s_a · Δu): a Bradley–Terry model (Bradley & Terry 1952) whose scores are −s_a · u, with
    one slope s_a a kind, so that equal uncertainties say nothing: P = ½.

    Args:
        delta_u: [N] in [0, 1].
        kinds: [N], of :func:`kinds_of`.

    Returns:
        [N] in [0.5, 1).
    """
    slope = np.array([axis_fits()[kind].slope for kind in kinds.tolist()], dtype=np.float64)
    result: Floats = 1.0 / (1.0 + np.exp(-slope * delta_u))
    return result
