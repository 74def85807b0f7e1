"""What labelled answers say of the uncertainties: weights by axis, and P(chosen is the better)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from udasa_data.config import Weights
from udasa_data.schema import Dimension

Floats: TypeAlias = NDArray[np.float64]


class AxisFit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one axis, fitted once and frozen (``benchmarks/pair_quality``).

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
    """Return the frozen fits by axis."""
    text = files("udasa_data.pairing").joinpath("reliability.json").read_text(encoding="utf-8")
    return msgspec.convert(json.loads(text), dict[str, AxisFit])


def weights_of(axes: NDArray[np.str_], given: Weights | None) -> Floats:
    """Return [N, 3] the weights of the dimensions: those given, else each axis's own.

    Args:
        axes: [N].
        given: of the configuration, for all axes alike.
    """
    by_axis = {axis: given or fit.weights for axis, fit in axis_fits().items()}
    names, row = np.unique(axes, return_inverse=True)
    table = [[getattr(by_axis[name], d) for d in Dimension] for name in names.tolist()]
    return np.array(table, dtype=np.float64).reshape(-1, len(Dimension))[row]


def p_chosen_better(delta_u: Floats, axes: NDArray[np.str_]) -> Floats:
    """Return how likely the chosen answer is the better one.

    P = σ(s_a · Δu): a Bradley–Terry model (Bradley & Terry 1952) whose scores are −s_a · u, with
    one slope s_a an axis, so that equal uncertainties say nothing: P = ½.

    Args:
        delta_u: [N] in [0, 1].
        axes: [N].

    Returns:
        [N] in [0.5, 1).
    """
    slope = np.array([axis_fits()[axis].slope for axis in axes.tolist()], dtype=np.float64)
    result: Floats = 1.0 / (1.0 + np.exp(-slope * delta_u))
    return result
