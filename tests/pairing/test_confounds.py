"""Confounds, with figures derived by hand."""

import math

import polars as pl
import pytest

from udasa_data.pairing.confounds import confound_rows, measure, spearman

NAN = math.nan


@pytest.fixture
def answers():
    """Two prompts of three answers; one answer is empty."""
    return pl.DataFrame(
        {
            "prompt_id": ["a", "a", "a", "b", "b", "b"],
            "sample_id": [0, 1, 2, 0, 1, 2],
            "text": ["x", "x", "x", "x", "x", ""],
            "n_tokens": [1, 2, 3, 4, 5, 99],
            "u_semantic": [0.1, 0.2, 0.3, 0.4, 0.5, NAN],
            "u_factual": [NAN, 0.9, NAN, 0.9, 0.1, NAN],
            "u_value": [0.3, 0.3, 0.3, 0.3, 0.3, NAN],
            "refusal": [False, True, False, False, False, False],
            "homogeneous": [True, True, True, False, False, False],
        }
    )


def test_spearman_by_hand():
    # ranks 1 2.5 2.5 4 and 1 4 2.5 2.5: deviations −1.5 0 0 1.5 and −1.5 1.5 0 0,
    # Σ of products 2.25, Σ of squares 4.5 each, so ρ = 2.25 / 4.5
    x, y = pl.Series([1.0, 2.0, 2.0, 4.0]), pl.Series([10, 30, 20, 20])
    assert spearman(x, y) == pytest.approx(0.5)
    assert spearman(x, -x) == pytest.approx(-1.0)
    with_gaps = pl.Series([*x, NAN, 7.0]), pl.Series([*map(float, y), 5.0, math.inf])
    assert spearman(*with_gaps) == pytest.approx(0.5)


def test_spearman_is_none_where_it_is_not_defined():
    constant, rising = pl.Series([1.0, 1.0, 1.0]), pl.Series([1.0, 2.0, 3.0])
    assert spearman(constant, rising) is None
    assert spearman(rising[:1], rising[:1]) is None
    assert spearman(rising[:0], rising[:0]) is None
    assert spearman(pl.Series([NAN, NAN, 1.0]), rising) is None


def test_measured_by_hand(answers):
    pairs = pl.DataFrame(
        {"prompt_id": ["a", "b"], "chosen_id": [2, 0], "rejected_id": [0, 1]},
    )
    found = measure(answers, pairs)
    # the empty answer of 99 tokens counts nowhere
    assert found.with_length["semantic"] == pytest.approx(1.0)
    # factual is finite at lengths 2 4 5 with .9 .9 .1: ranks 1 2 3 and 2.5 2.5 1,
    # Σ of products −1.5, √(2 · 1.5) = 1.732
    assert found.with_length["factual"] == pytest.approx(-1.5 / math.sqrt(3))
    assert found.with_length["value"] is None
    assert found.between == {
        "semantic ~ factual": pytest.approx(-1.5 / math.sqrt(3)),
        "semantic ~ value": None,
        "factual ~ value": None,
    }
    assert found.refusal_rate == pytest.approx(1 / 5)
    assert found.homogeneous_share == pytest.approx(1 / 2)
    # chosen: 3 and 4 tokens; rejected: 1 and 5
    assert (found.mean_length_chosen, found.mean_length_rejected) == (3.5, 3.0)
    assert found.chosen_longer_share == pytest.approx(1 / 2)


def test_equal_lengths_are_not_longer(answers):
    pairs = pl.DataFrame({"prompt_id": ["a"], "chosen_id": [0], "rejected_id": [0]})
    assert measure(answers, pairs).chosen_longer_share == 0.0


def test_nothing_is_none_and_not_zero(answers):
    found = measure(
        answers.clear(), answers.clear().select("prompt_id", chosen_id=0, rejected_id=0)
    )
    figures = [
        found.refusal_rate,
        found.homogeneous_share,
        found.mean_length_chosen,
        found.chosen_longer_share,
        *found.with_length.values(),
        *found.between.values(),
    ]
    assert figures == [None] * len(figures)
    assert {figure for _, figure in confound_rows(found)} == {"–"}


def test_without_pairs_nothing_is_told_of_them(answers):
    found = measure(answers.rename({"n_tokens": "n_words"}), None, "n_words")
    assert found.length_unit == "words"
    assert not any("chosen" in what for what, _ in confound_rows(found))
