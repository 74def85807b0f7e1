"""The fourth step, first half: raw uncertainties → calibrated, combined ones, run-wide."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from udasa_data.config import Calibration, Weights
from udasa_data.schema import CALIBRATED, Dimension
from udasa_data.uncertainty.calibrate import Curve, apply_by_axis, fit_by_axis
from udasa_data.uncertainty.combine import combine

Floats: TypeAlias = NDArray[np.float64]


class Calibrated(NamedTuple):
    """The calibrated table, the replicates behind its noise, and the curves that made it."""

    table: pl.DataFrame
    leave_one_out: Floats  # [N, K]: uncertainty without sample k; NaN at the row's own sample
    curves: dict[str, dict[str, Curve]]  # by dimension, then axis


def calibrate(
    scores: pl.DataFrame, axes: NDArray[np.str_], options: Calibration, weights: Weights
) -> Calibrated:
    """Fit the curves on all scores of a run, freeze them, and combine the dimensions.

    Args:
        scores: N rows of the scores table, K for each prompt, contiguous.
        axes: [N] the axis of each row's prompt.
        options: from how many rows an axis has its own curve.
        weights: of the dimensions.
    """
    curves, values = {}, {}
    for dimension in Dimension:
        raw = scores[f"u_{dimension}"].to_numpy()
        curves[str(dimension)] = fit_by_axis(raw, axes, options.min_axis_rows)
        values[dimension] = apply_by_axis(curves[dimension], raw, axes)
    weight = np.array([getattr(weights, dimension) for dimension in Dimension])
    stacked = np.stack([values[dimension] for dimension in Dimension], axis=-1)
    uncertainty = combine(stacked, weight)
    replicates = {
        name: _matrix(scores[f"{name}_leave_one_out"])
        for name in (Dimension.SEMANTIC, Dimension.FACTUAL)
    }
    scored = np.isfinite(replicates[Dimension.SEMANTIC])
    without = [
        apply_by_axis(curves[Dimension.SEMANTIC], replicates[Dimension.SEMANTIC], axes),
        apply_by_axis(curves[Dimension.FACTUAL], replicates[Dimension.FACTUAL], axes),
        # the value dimension looks at one answer at a time: no other answer moves it
        np.broadcast_to(values[Dimension.VALUE][:, None], scored.shape),
    ]
    combined = combine(np.stack(without, axis=-1), weight)
    table = scores.select("prompt_id", "sample_id").with_columns(
        *(pl.Series(f"c_{dimension}", values[dimension]) for dimension in Dimension),
        pl.Series("uncertainty", uncertainty),
    )
    return Calibrated(table.select(CALIBRATED.names()), np.where(scored, combined, np.nan), curves)


def curves_to_json(curves: dict[str, dict[str, Curve]]) -> dict[str, Any]:
    """Return the curves as plain values: dimension → axis → {n, values, ranks}."""
    return {
        dimension: {
            axis: {"n": c.n, "values": c.values.tolist(), "ranks": c.ranks.tolist()}
            for axis, c in by_axis.items()
        }
        for dimension, by_axis in curves.items()
    }


def curves_from_json(stored: dict[str, Any]) -> dict[str, dict[str, Curve]]:
    """Return the curves that :func:`curves_to_json` made plain."""
    return {
        dimension: {
            axis: Curve(np.array(c["values"]), np.array(c["ranks"]), c["n"])
            for axis, c in by_axis.items()
        }
        for dimension, by_axis in stored.items()
    }


def _matrix(lists: pl.Series) -> Floats:
    """Return a series of N equally long lists as [N, K]."""
    flat = lists.explode().to_numpy()
    return np.asarray(flat.reshape(len(lists), -1))
