import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from udasa_data.uncertainty.calibrate import (
    MAX_KNOTS,
    apply_by_axis,
    fit,
    fit_by_axis,
    fit_isotonic,
)
from udasa_data.uncertainty.combination import combine

values = arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1, width=16))


def test_mid_ranks_by_hand():
    # .1 → (0+½)/4, .2 twice → (1+1)/4, .9 → (3+½)/4
    raw = np.array([0.2, 0.1, 0.9, 0.2])
    assert fit(raw)(raw) == pytest.approx([0.5, 0.125, 0.875, 0.5])


def test_new_values_are_interpolated_and_clamped():
    curve = fit(np.array([0.0, 1.0]))  # ranks ¼ and ¾
    assert curve(np.array([0.5, -1.0, 2.0])) == pytest.approx([0.5, 0.25, 0.75])


def test_nan_stays_and_is_not_counted():
    curve = fit(np.array([0.3, np.nan, 0.5]))
    assert curve.n == 2
    assert np.isnan(curve(np.array([np.nan]))).all()


def test_nan_stays_where_all_values_tie():
    assert fit(np.full(4, 0.2))(np.array([0.2, np.nan])) == pytest.approx(
        [0.5, np.nan], nan_ok=True
    )


def test_nothing_to_fit_gives_nan():
    assert np.isnan(fit(np.array([np.nan]))(np.array([0.5]))).all()


@given(values)
def test_mean_is_one_half_and_order_is_kept(raw):
    c = fit(raw)(raw)
    assert c.mean() == pytest.approx(0.5)
    assert ((c > 0) & (c < 1)).all()
    order = np.argsort(raw, kind="stable")
    assert (np.diff(c[order]) >= -1e-12).all()
    assert all(len(set(c[raw == v])) == 1 for v in set(raw))


def test_many_values_are_thinned_without_moving_far():
    raw = np.random.default_rng(0).beta(2, 5, 50_000)
    curve = fit(raw)
    assert len(curve.values) <= MAX_KNOTS
    exact = (np.argsort(np.argsort(raw)) + 0.5) / len(raw)
    assert np.abs(curve(raw) - exact).max() < 1 / MAX_KNOTS


def test_the_curve_of_an_axis_is_drawn_towards_that_of_all():
    raw = np.array([0.0, 1.0, 2.0, 10.0])
    axes = np.array(["a", "a", "a", "b"])
    curves = fit_by_axis(raw, axes, pool_rows=3)
    assert set(curves) == {"*", "a", "b"}
    # own ranks: a (½, 1½, 2½)/3, b ½; of all (½, 1½, 2½, 3½)/4; a's counts 3/6, b's 1/4
    expected = [
        (1 / 6 + 1 / 8) / 2,
        (1 / 2 + 3 / 8) / 2,
        (5 / 6 + 5 / 8) / 2,
        (0.5 + 3 * 0.875) / 4,
    ]
    assert apply_by_axis(curves, raw, axes) == pytest.approx(expected)
    alone = fit_by_axis(raw, axes, pool_rows=0)
    assert apply_by_axis(alone, raw, axes) == pytest.approx([1 / 6, 0.5, 5 / 6, 0.5])


def test_one_row_more_moves_no_curve_far():
    rng = np.random.default_rng(0)
    raw, axes = rng.beta(2, 5, 900), np.repeat(["a", "b"], [201, 699])
    raw[axes == "b"] += 0.3
    more, fewer = (fit_by_axis(raw[n:], axes[n:], pool_rows=200)["a"] for n in (0, 1))
    at = np.linspace(0, 1.3, 50)
    assert np.abs(more(at) - fewer(at)).max() < 0.01


def test_combination_by_hand():
    weights = np.array([1.0, 1.0, 2.0])
    calibrated = np.array([[0.2, 0.4, 0.6], [0.2, np.nan, 0.6], [np.nan] * 3])
    # (.2+.4+1.2)/4 = .45; (.2+1.2)/3 = .4667; nothing scored
    assert combine(calibrated, weights) == pytest.approx([0.45, 1.4 / 3, np.nan], nan_ok=True)


def test_a_weight_of_zero_leaves_a_dimension_out():
    assert np.isnan(combine(np.array([np.nan, 0.4]), np.array([1.0, 0.0])))


@given(arrays(np.float64, (5, 3), elements=st.floats(0, 1, width=32)))
def test_combination_stays_between_its_parts(calibrated):
    u = combine(calibrated, np.array([1.0, 2.0, 0.5]))
    assert (u >= calibrated.min(axis=1) - 1e-12).all()
    assert (u <= calibrated.max(axis=1) + 1e-12).all()


def test_isotonic_by_hand():
    # .1 → 0; .2, .3 (twice), .4 with labels 1, 0, 1, 0 pool to ½ at (.2 + .3 + .3 + .4)/4; .5 → 1
    raw = np.array([0.5, 0.3, 0.1, 0.2, 0.4, 0.3])
    curve = fit_isotonic(raw, np.array([1, 0, 0, 1, 0, 1.0]))
    assert curve.values == pytest.approx([0.1, 0.3, 0.5])
    assert curve.ranks == pytest.approx([0.0, 0.5, 1.0])
    assert curve.n == 6
    # between the points straight lines, beyond them flat
    assert curve(np.array([0.2, 0.4, 0.0, 0.9])) == pytest.approx([0.25, 0.75, 0.0, 1.0])


def test_isotonic_stays_flat_only_where_labels_are_all_one():
    raw = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    curve = fit_isotonic(raw, np.array([0, 0, 1, 0, 1, 1, 1.0]))
    # 0 up to .2, then ½ at .35 (the centre of .3 and .4), then 1 from .5 on
    assert curve(raw) == pytest.approx([0, 0, 0.5 * 0.1 / 0.15, 0.5 + 0.5 * 0.05 / 0.15, 1, 1, 1])
    assert len(curve.values) == 5


def test_isotonic_leaves_nan_out_and_refuses_other_labels():
    curve = fit_isotonic(np.array([0.1, np.nan, 0.2]), np.array([1.0, 1.0, np.nan]))
    assert curve.n == 1
    assert curve(np.array([0.5, np.nan])) == pytest.approx([1.0, np.nan], nan_ok=True)
    assert np.isnan(fit_isotonic(np.empty(0), np.empty(0))(np.array([0.5]))).all()
    with pytest.raises(ValueError, match="0 or 1"):
        fit_isotonic(np.array([0.1]), np.array([0.5]))


labelled = st.lists(st.tuples(st.floats(0, 1, width=16), st.booleans()), min_size=1, max_size=60)


@given(labelled)
def test_isotonic_is_monotone_and_within_bounds(rows):
    raw, labels = np.array([r for r, _ in rows]), np.array([float(y) for _, y in rows])
    curve = fit_isotonic(raw, labels)
    assert (np.diff(curve.values) > 0).all()
    assert (np.diff(curve.ranks) >= 0).all()
    between = curve(np.linspace(-0.1, 1.1, 200))
    assert (np.diff(between) >= 0).all()
    assert ((between >= 0) & (between <= 1)).all()
    inside = (curve.ranks > 0) & (curve.ranks < 1)
    assert (np.diff(curve.ranks[inside]) > 0).all()


@given(labelled)
def test_isotonic_is_scikit_learns_at_its_points(rows):
    sklearn = pytest.importorskip("sklearn.isotonic")
    raw, labels = np.array([r for r, _ in rows]), np.array([float(y) for _, y in rows])
    curve = fit_isotonic(raw, labels)
    reference = sklearn.IsotonicRegression(out_of_bounds="clip").fit(raw, labels)
    assert curve.ranks == pytest.approx(reference.predict(curve.values), abs=1e-9)
