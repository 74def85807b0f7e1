"""Frozen curves: saved, loaded, and applied to rows that they were not fitted on."""

import json

import numpy as np
import pytest

from udasa_data.pairing.calibration import curves_from_json, curves_to_json
from udasa_data.uncertainty.calibrate import apply_by_axis, fit_by_axis, fit_isotonic

RNG = np.random.default_rng(0)


def reloaded(curves):
    return curves_from_json(json.loads(json.dumps(curves_to_json(curves), allow_nan=False)))


def test_mid_rank_curves_apply_to_new_rows_without_refitting():
    raw = np.array([0.0, 1.0, 2.0, 10.0])
    curves = {"semantic": fit_by_axis(raw, np.array(["a", "a", "a", "b"]), pool_rows=0)}
    loaded = reloaded(curves)["semantic"]
    # a: ranks (½, 1½, 2½)/3 at 0, 1, 2; pooled: (½, 1½, 2½, 3½)/4 at 0, 1, 2, 10
    new, axes = np.array([0.5, 6.0, 99.0, np.nan]), np.array(["a", "c", "never seen", "a"])
    expected = [1 / 3, 3 / 4, 7 / 8, np.nan]
    assert apply_by_axis(loaded, new, axes) == pytest.approx(expected, nan_ok=True)
    # one row alone gets what it gets among others: nothing is fitted again
    assert apply_by_axis(loaded, new[:1], axes[:1]) == pytest.approx(expected[:1])
    assert loaded["*"].n == 4


def test_saved_curves_are_the_same_to_the_last_bit():
    raw, axes = RNG.beta(2, 5, 500), RNG.choice(["a", "b"], 500)
    labels = (RNG.random(500) < raw).astype(float)
    curves = {
        "semantic": fit_by_axis(raw, axes, pool_rows=100),
        "factual": {"*": fit_isotonic(raw, labels)},
        "value": fit_by_axis(np.full(3, np.nan), axes[:3], pool_rows=100),
    }
    loaded, new = reloaded(curves), RNG.random(50)
    for name, by_axis in curves.items():
        assert set(loaded[name]) == set(by_axis)
        for axis, curve in by_axis.items():
            assert np.array_equal(loaded[name][axis](new), curve(new), equal_nan=True)
            assert loaded[name][axis].n == curve.n
