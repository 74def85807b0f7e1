"""The arithmetic of projections: totals, times, money."""

import math

import pytest

from udasa_data.preflight import Interval, Prices, money_of, seconds_of, sum_of, total_of


def test_the_total_of_a_sample():
    # mean 2, s = 1, m = 3 of n = 12: half = 1.6449 · (1 + 1/3) · 12 · 1/√3 · √(1 − 3/12) = 13.159
    total = total_of([1, 2, 3], 12)
    half = 1.6448536 * (4 / 3) * 12 / math.sqrt(3) * math.sqrt(0.75)
    assert total == pytest.approx((24, 24 - half, 24 + half))
    # all of them were tried: nothing is left to project
    assert total_of([1, 2, 3], 3) == (6, 6, 6)


def test_nine_intervals_in_ten_hold_the_truth():
    """Samples of 16 from a skewed population of 1,000: the stated 90%, within the noise of 400."""
    import numpy as np

    rng = np.random.default_rng(0)
    population = rng.gamma(2.0, 50.0, size=1000)
    held = 0
    for _ in range(400):
        total = total_of(rng.choice(population, 16, replace=False).tolist(), 1000)
        held += total.low <= population.sum() <= total.high
    # binomial: 0.9 ± 3 · √(0.9 · 0.1 / 400) = 0.855 … 0.945
    assert 0.855 <= held / 400 <= 0.96


def test_intervals_scale_and_add():
    assert Interval(2, 1, 4).times(3) == (6, 3, 12)
    assert Interval(2, 1, 4).plus(Interval(1, 1, 1)) == (3, 2, 5)
    assert sum_of([Interval(2, 1, 4), Interval(1, 1, 1), Interval(1, 0, 2)]) == (4, 2, 7)
    assert sum_of([]) == (0, 0, 0)
    assert Interval(2, 1, 3).spread == 0.5
    assert Interval(0, 0, 0).spread == 0.0


def test_time_is_loading_once_and_work_within_a_share():
    # 2 s of loading, 10 s of work; a spread of .2 and a tenth more: 10 ± 3
    assert seconds_of(2.0, 10.0, 0.2) == pytest.approx((12, 9, 15))
    # no more than all of it can be saved
    assert seconds_of(2.0, 10.0, 3.0) == pytest.approx((12, 2, 22))


def test_money_is_of_what_has_a_price():
    # 2 h at 3, 5 M tokens read at 1, 1 M written: no price
    seconds, read, written = (
        Interval(7200, 3600, 7200),
        Interval(5e6, 5e6, 5e6),
        Interval(1e6, 0, 2e6),
    )
    assert money_of(Prices(3.0, 1.0), seconds, read, written) == pytest.approx((11, 8, 11))
    assert money_of(Prices(), seconds, read, written) is None
