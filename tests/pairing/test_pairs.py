import numpy as np
import polars as pl
import pytest
from answer_tables import answers, replicates
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from udasa_data.config.build import Pairing
from udasa_data.pairing.noise import Replicates
from udasa_data.pairing.pairs import make_pairs
from udasa_data.pairing.reliability import shipped_fits
from udasa_data.pairing.stages import assign_stages

LENIENT = Pairing(noise_z=0.0, tolerance=1.0, length_ratio=100.0, veto=1.0)


def pair(uncertainty, rules=LENIENT, noise=0.0, seed=0, **columns):
    table = answers(uncertainty, **columns)
    return make_pairs(table, replicates(uncertainty, noise), rules, seed, shipped_fits())


def why(result):
    return result.dropped["why"].to_list()


def test_least_uncertain_is_chosen_and_most_uncertain_rejected():
    row = pair([[0.5, 0.2, 0.9, 0.4]]).pairs.row(0, named=True)
    assert (row["chosen_id"], row["rejected_id"]) == (1, 2)
    assert row["delta_u"] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("max", 3),
        # the median of (.1 .3 .4 .9) is .35: .3 and .4 are equally near, the lengths are equal,
        # u_value decides: the higher one is rejected
        ("median", 2),
        # mean .425, sd .2947: mean + 2 sd = 1.01, nearest is .9
        ("mu_2_sigma", 3),
    ],
)
def test_rules_of_rejection(rule, expected):
    rules = Pairing(rejected=rule, noise_z=0.0, tolerance=1.0)
    values = [[0.1, 0.1, 0.2, 0.1]]
    result = pair([[0.1, 0.3, 0.4, 0.9]], rules, u_value=values)
    assert result.pairs["rejected_id"].to_list() == [expected]


def test_random_rejection_depends_on_the_seed_alone():
    u = np.tile(np.linspace(0.1, 0.9, 8), (40, 1))
    rules = Pairing(rejected="random", noise_z=0.0, tolerance=1.0)
    first = pair(u, rules, seed=1).pairs["rejected_id"]
    assert first.equals(pair(u, rules, seed=1).pairs["rejected_id"])
    assert not first.equals(pair(u, rules, seed=2).pairs["rejected_id"])
    assert first.n_unique() > 3


def test_beyond_sixteen_answers_the_outlier_is_not_taken():
    # mean of 19 × ~.3 and one 1.0 plus two sd lies nearer to .6 than to 1
    u = np.full((1, 20), 0.3) + np.arange(20) * 1e-3
    u[0, 5], u[0, 6] = 1.0, 0.65
    assert pair(u).pairs["rejected_id"].to_list() == [6]


def test_ties_go_to_lower_value_then_closer_length():
    tied = [[0.2, 0.2, 0.2, 0.9]]
    assert pair(tied, u_value=[[0.3, 0.1, 0.2, 0.5]]).pairs["chosen_id"].to_list() == [1]
    # median length of (4, 9, 20, 10) is 9½
    assert pair(tied, n_tokens=[[4, 9, 20, 10]]).pairs["chosen_id"].to_list() == [1]


def test_full_ties_do_not_depend_on_the_order_of_the_samples():
    texts = np.array([["one thing", "another", "a third way", "the worst"]])
    u = np.array([[0.2, 0.2, 0.2, 0.9]])
    chosen = texts[0, pair(u, text=texts).pairs["chosen_id"][0]]
    order = [2, 3, 0, 1]
    again = pair(u[:, order], text=texts[:, order]).pairs["chosen_id"][0]
    assert texts[0, order][again] == chosen


def test_noise_floor_and_homogeneous():
    u = [[0.50, 0.51, 0.50, 0.52]]
    noisy = Pairing(noise_z=1.0, tolerance=1.0)
    assert why(pair(u, noisy, noise=0.2)) == ["below_noise"]
    assert why(pair(u, noisy, noise=0.2, homogeneous=True)) == ["homogeneous"]
    assert why(pair([[0.4, 0.4, 0.4, 0.4]])) == ["below_noise"]


def test_se_delta_by_hand():
    # rejected is 3 (odd): its replicates are .9 ± .1 by the sample left out (0: −, 1: +, 2: −),
    # chosen is 0 (even): no noise. Of the samples in neither side, 1 and 2, the gap is .9 and .7:
    # se = √(½ · 2 · .1²) = .1
    result = pair([[0.1, 0.4, 0.5, 0.9]], noise=0.1)
    assert result.pairs["se_delta"].to_list() == pytest.approx([0.1])


def test_three_samples_have_no_noise_estimate_but_a_pair():
    result = pair([[0.1, 0.5, 0.9]])
    assert np.isnan(result.pairs["se_delta"][0])


def test_equal_and_near_equal_texts():
    texts = np.array([["A cat sat.", "a  CAT sat.", "a cat sat", "x"]])
    u = np.array([[0.1, 0.9, 0.5, 0.3]])
    assert why(pair(u, text=texts)) == ["equal_texts"]
    assert why(pair(u[:, [0, 2, 1, 3]], text=texts)) == ["near_equal_texts"]


def test_vetoed_answers_are_never_chosen():
    rules = Pairing(veto=0.8, noise_z=0.0, tolerance=1.0)
    values = [[0.9, 0.1, 0.1, 0.1]]
    assert pair([[0.1, 0.2, 0.3, 0.4]], rules, u_value=values).pairs["chosen_id"].to_list() == [1]
    assert why(pair([[0.1, 0.2, 0.3, 0.4]], rules, u_value=0.9)) == ["vetoed"]


def test_chosen_must_not_be_much_worse_in_one_dimension():
    rules = Pairing(tolerance=0.25, noise_z=0.0)
    worse = {"c_semantic": [[0.6, 0.3, 0.3]]}
    assert why(pair([[0.1, 0.2, 0.9]], rules, **worse)) == ["worse_in_dimension"]
    slightly = {"c_semantic": [[0.5, 0.3, 0.3]]}
    assert len(pair([[0.1, 0.2, 0.9]], rules, **slightly).pairs) == 1


def test_length_ratio():
    rules = Pairing(length_ratio=4.0, noise_z=0.0, tolerance=1.0)
    result = pair([[0.1, 0.2, 0.9]], rules, n_tokens=[[20, 100, 82]])
    assert result.dropped.select("why", "value", "limit").row(0) == ("length_ratio", 4.1, 4.0)
    another = pair([[0.1, 0.2, 0.9]], rules, n_tokens=[[20, 24, 82]])  # one of like length is worse
    assert another.pairs.row(0, named=True)["rejected_id"] == 1


def test_a_few_tokens_more_are_no_difference_in_length():
    rules = Pairing(length_ratio=4.0, noise_z=0.0, tolerance=1.0)
    short = pair([[0.1, 0.2, 0.9]], rules, n_tokens=[[2, 3, 20]])
    assert short.pairs.row(0, named=True)["rejected_id"] == 2


def test_unscored_answers_take_no_part():
    row = pair([[np.nan, 0.2, 0.9]]).pairs.row(0, named=True)
    assert (row["chosen_id"], row["rejected_id"]) == (1, 2)
    assert why(pair([[np.nan, np.nan, 0.9]])) == ["unscored"]


def test_no_answers_no_pairs():
    empty = answers([[0.1, 0.2, 0.3]]).clear()
    result = make_pairs(
        empty, Replicates(np.empty((0, 3)), np.empty((0, 0))), LENIENT, 0, shipped_fits()
    )
    assert result.pairs.is_empty()
    assert result.dropped.is_empty()


unit = st.floats(0, 1, width=16)


@given(st.integers(3, 6).flatmap(lambda k: arrays(np.float64, (5, k), elements=unit)))
def test_every_prompt_is_in_a_pair_or_dropped(u):
    result = pair(u)
    kept, dropped = set(result.pairs["prompt_id"]), set(result.dropped["prompt_id"])
    assert kept | dropped == {f"p{i}" for i in range(5)}
    assert not kept & dropped
    assert (result.pairs["delta_u"] > 0).all()
    assert (result.pairs["chosen_id"] != result.pairs["rejected_id"]).all()


@given(arrays(np.float64, st.integers(0, 40), elements=unit))
def test_stages_partition_the_pairs(gaps):
    pairs = pl.DataFrame({"p_chosen_better": gaps})
    staged = assign_stages(pairs)
    assert len(staged.pairs) == len(gaps)
    rows = zip(staged.pairs["stage"], gaps, strict=True)
    for stage, gap in rows:
        expected = (
            "conservative"
            if gap >= staged.high
            else "moderate"
            if gap >= staged.low
            else "exploratory"
        )
        assert stage == expected


def test_tertiles_by_hand():
    staged = assign_stages(pl.DataFrame({"p_chosen_better": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}))
    # numpy's linear quantiles at 1/3 and 2/3 of 6 values: .1 + 5/3·.1 = .2667 and .4333
    assert (staged.low, staged.high) == pytest.approx((0.1 + 0.5 / 3, 0.1 + 1.0 / 3))
    assert staged.pairs["stage"].to_list() == [
        *["exploratory"] * 2,
        *["moderate"] * 2,
        *["conservative"] * 2,
    ]


def test_absolute_cutoffs():
    staged = assign_stages(pl.DataFrame({"p_chosen_better": [0.1, 0.2, 0.9]}), (0.2, 0.9))
    assert staged.pairs["stage"].to_list() == ["exploratory", "moderate", "conservative"]
