"""The fourth step, first half: raw uncertainties → calibrated, combined ones, run-wide."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from udasa_data.config import Calibration, read_bytes
from udasa_data.errors import UserError, first_line
from udasa_data.pairing.noise import Replicates
from udasa_data.pairing.reliability import Fits, kinds_of, weights_of
from udasa_data.schema import CALIBRATED, Dimension
from udasa_data.uncertainty.calibrate import (
    POOLED,
    Curve,
    apply_by_axis,
    fit_by_axis,
    fit_isotonic,
)
from udasa_data.uncertainty.combination import combine, shared

Floats: TypeAlias = NDArray[np.float64]
Curves: TypeAlias = dict[str, dict[str, Curve]]  # by dimension, then axis

CHUNK: Final = 2**18  # rows whose replicates are in memory at once


class Calibrated(NamedTuple):
    """The calibrated table, and the replicates behind its noise."""

    table: pl.DataFrame
    replicates: Replicates


def calibrate(scores: pl.DataFrame, curves: Curves, fits: Fits) -> Calibrated:
    """Apply frozen curves to all scores of a run and to their replicates; combine the dimensions.

    Args:
        scores: N rows of the scores table with ``axis`` and ``context``, K for each prompt,
            contiguous.
        curves: from :func:`fit_curves`, or of an earlier run.
        fits: of the build, by kind of prompt.
    """
    axes = scores["axis"].to_numpy().astype(str)
    table, filled = apply_curves(scores, curves, fits)
    weight = weights_of(kinds_of(scores), fits)

    def replicates_of(start: int) -> Replicates:
        rows = slice(start, start + CHUNK)
        part = scores.slice(start, CHUNK)
        return _replicates(part, axes[rows], curves, weight[rows], filled[rows])

    with ThreadPoolExecutor() as pool:  # NumPy lets go of the interpreter
        parts = list(pool.map(replicates_of, range(0, len(scores), CHUNK)))
    return Calibrated(table, Replicates(*(np.concatenate(of) for of in zip(*parts, strict=True))))


def _replicates(
    scores: pl.DataFrame, axes: NDArray[np.str_], curves: Curves, weight: Floats, filled: Floats
) -> Replicates:
    """Return the combined uncertainty of each row without each sample, and each value scorer.

    ``filled`` [N, 3] are the dimensions themselves: what a row lacks, no sample left out gives it,
    and the value dimension looks at one answer at a time, the others at no scorer of it.
    """
    raw = {d: _matrix(scores[f"{d}_leave_one_out"]) for d in Dimension}

    def combined(changed: Sequence[Dimension], there: Floats) -> Floats:
        without = np.broadcast_to(filled[:, None, :], (*there.shape, filled.shape[1])).copy()
        for d in changed:
            replicate = apply_by_axis(curves[d], raw[d], axes)
            at = list(Dimension).index(d)
            without[..., at] = np.where(np.isfinite(replicate), replicate, without[..., at])
        return np.where(np.isfinite(there), combine(without, weight[:, None, :]), np.nan)

    of_samples = combined((Dimension.SEMANTIC, Dimension.FACTUAL), raw[Dimension.SEMANTIC])
    return Replicates(of_samples, combined((Dimension.VALUE,), raw[Dimension.VALUE]))


def fit_curves(scores: pl.DataFrame, axes: NDArray[np.str_], options: Calibration) -> Curves:
    """Return the mid-rank curves of all rows of a scores table, by dimension, then axis."""
    return {
        str(d): fit_by_axis(scores[f"u_{d}"].to_numpy(), axes, options.pool_rows) for d in Dimension
    }


def fit_labelled(scores: pl.DataFrame, labels: Floats) -> Curves:
    """Return curves from raw uncertainty to P(wrong), by dimension: centred isotonic regression.

    Args:
        scores: N rows of a scores table.
        labels: [N] 1 where the answer is wrong, 0 where it is right, NaN where that is not known.

    Raises:
        UserError: the labelled answers are all right or all wrong.
    """
    if len(set(labels[np.isfinite(labels)].tolist())) < 2:
        raise UserError("labels: both right (0) and wrong (1) answers are needed to calibrate on")
    return {str(d): {POOLED: fit_isotonic(scores[f"u_{d}"].to_numpy(), labels)} for d in Dimension}


def apply_curves(scores: pl.DataFrame, curves: Curves, fits: Fits) -> tuple[pl.DataFrame, Floats]:
    """Calibrate and combine the rows of a scores table, whatever the curves were fitted on.

    Answers to one prompt are compared over the same dimensions (:func:`combination.shared`).

    Args:
        scores: N rows of the scores table with ``axis`` and ``context``.
        curves: by dimension, then axis.
        fits: of the build, by kind of prompt.

    Returns:
        the calibrated table, and [N, 3] the dimensions that were combined.
    """
    axes = scores["axis"].to_numpy().astype(str)
    values = {d: apply_by_axis(curves[d], scores[f"u_{d}"].to_numpy(), axes) for d in Dimension}
    prompts = scores["prompt_id"].rank("dense").to_numpy().astype(np.int64) - 1
    filled = shared(np.stack([values[d] for d in Dimension], axis=-1), prompts)
    table = scores.select("prompt_id", "sample_id").with_columns(
        *(pl.Series(f"c_{d}", values[d]) for d in Dimension),
        pl.Series("uncertainty", combine(filled, weights_of(kinds_of(scores), fits))),
    )
    return table.select(CALIBRATED.names()), filled


def curves_to_json(curves: Curves) -> dict[str, Any]:
    """Return the curves as plain values: dimension → axis → {n, values, ranks}."""
    return {
        dimension: {
            axis: {"n": c.n, "values": c.values.tolist(), "ranks": c.ranks.tolist()}
            for axis, c in by_axis.items()
        }
        for dimension, by_axis in curves.items()
    }


class _Stored(msgspec.Struct, frozen=True):
    """A curve in ``calibration.json``."""

    n: Annotated[int, msgspec.Meta(ge=0)]
    values: list[float]
    ranks: list[float]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.ranks) or (self.n > 0 and not self.values):
            raise ValueError("as many ranks as values are needed, and one where n is not 0")
        if any(later <= value for value, later in pairwise(self.values)):
            raise ValueError("values do not increase")
        if not all(0 <= rank <= 1 for rank in self.ranks):
            raise ValueError("a rank is not in [0, 1]")
        if any(later < rank for rank, later in pairwise(self.ranks)):
            raise ValueError("ranks decrease")


def curves_from_json(stored: object) -> Curves:
    """Return the curves that :func:`curves_to_json` made plain.

    Raises:
        ValueError: they are none.
    """
    found = msgspec.convert(stored, dict[str, dict[str, _Stored]])
    return {
        dimension: {
            axis: Curve(np.array(curve.values, float), np.array(curve.ranks, float), curve.n)
            for axis, curve in by_axis.items()
        }
        for dimension, by_axis in found.items()
    }


def read_curves(path: Path) -> Curves:
    """Read the ``calibration.json`` of an earlier run.

    Raises:
        UserError: unreadable, or not the curves of a run.
    """
    try:
        curves = curves_from_json(msgspec.json.decode(read_bytes(path)))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise UserError(
            f"{path}: holds no calibration ({first_line(error)}); give the calibration.json of a "
            "run"
        ) from error
    for dimension in Dimension:
        if POOLED not in curves.get(dimension, {}):
            raise UserError(
                f"{path}: holds no calibration (no curve '{dimension}' of all axes); give the "
                "calibration.json of a run"
            )
    return curves


def _matrix(lists: pl.Series) -> Floats:
    """Return a series of N equally long lists as [N, K]."""
    flat = lists.explode().to_numpy()
    return np.asarray(flat.reshape(len(lists), -1))
