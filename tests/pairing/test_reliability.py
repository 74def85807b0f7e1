"""The frozen fits, and which of them a prompt goes by."""

import numpy as np
import pytest
from answer_tables import answers

from udasa_data.config import Weights
from udasa_data.pairing.reliability import (
    EVIDENCE,
    UNKNOWN,
    UNLOGGED,
    axis_fits,
    kinds_of,
    p_chosen_better,
    weights_of,
)
from udasa_data.schema import Axis
from udasa_data.uncertainty.combination import combine, shared


def test_there_is_a_fit_for_every_kind_of_prompt():
    assert set(axis_fits()) == {*map(str, Axis), EVIDENCE, UNLOGGED, UNKNOWN}


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"seed": 3, "mean_logprob": -0.7}, "truthfulness"),
        ({"seed": 3, "mean_logprob": np.nan}, UNLOGGED),
        ({"seed": None, "mean_logprob": None}, UNKNOWN),
        ({"seed": None, "mean_logprob": np.array([[np.nan, -0.7]])}, "truthfulness"),
    ],
)
def test_truth_is_told_by_agreement_where_one_policy_answered(columns, kind):
    table = answers([[0.1, 0.2]], axis="truthfulness", **columns)
    assert set(kinds_of(table)) == {kind}
    others = answers([[0.1, 0.2]], axis="harmlessness", **columns)
    assert set(kinds_of(others)) == {"harmlessness"}


@pytest.mark.parametrize("axis", list(Axis))
def test_evidence_counts_where_facts_are_asked_for(axis):
    (with_some,) = set(kinds_of(answers([[0.1]], axis=axis.value, context="A passage.")))
    expected = "evidence" if axis in {Axis.TRUTHFULNESS, Axis.HELPFULNESS} else axis.value
    assert with_some == expected
    assert set(kinds_of(answers([[0.1]], axis=axis.value, context=" "))) == {axis.value}


def test_answers_without_claims_have_an_uncertainty_though_there_is_evidence():
    nan = np.nan
    calibrated = np.array([[0.2, nan, 0.5], [0.8, nan, 0.5]])
    weights = weights_of(np.array(["evidence", "evidence"]), None)
    assert combine(shared(calibrated, np.array([0, 0])), weights) == pytest.approx([0.2, 0.8])


def test_a_dimension_that_an_answer_lacks_is_the_mean_of_the_prompts_others():
    nan = np.nan
    calibrated = np.array([[0.2, nan], [0.4, 0.6], [0.6, 0.8], [0.1, nan], [nan, nan]])
    filled = shared(calibrated, np.array([0, 0, 0, 1, 0]))
    # the mean of .6 and .8; another prompt has none; an answer without any stays without
    expected = [[0.2, 0.7], [0.4, 0.6], [0.6, 0.8], [0.1, nan], [nan, nan]]
    assert filled == pytest.approx(np.array(expected), nan_ok=True)


def test_given_weights_are_for_all_and_equal_uncertainties_say_nothing():
    kinds = np.array(["harmlessness", "evidence"])
    assert (weights_of(kinds, Weights(semantic=2.0)) == [[2.0, 1.0, 1.0]] * 2).all()
    assert p_chosen_better(np.zeros(2), kinds) == pytest.approx([0.5, 0.5])
    slope = axis_fits()["harmlessness"].slope
    assert p_chosen_better(np.array([0.5]), kinds[:1]) == pytest.approx(
        1 / (1 + np.exp(-slope / 2))
    )
