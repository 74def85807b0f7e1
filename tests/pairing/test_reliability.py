"""The frozen fits, and which of them a prompt goes by."""

import numpy as np
import pytest
from answer_tables import answers

from udasa_data.config import Weights, resolve
from udasa_data.errors import UserError
from udasa_data.pairing.reliability import (
    EVIDENCE,
    UNKNOWN,
    UNLOGGED,
    fits_of,
    kinds_of,
    p_chosen_better,
    shipped_fits,
    unmeasured,
    weights_of,
)
from udasa_data.schema import Axis
from udasa_data.uncertainty.combination import combine, shared


def test_there_is_a_fit_for_every_kind_of_prompt():
    assert set(shipped_fits()) == {*map(str, Axis), EVIDENCE, UNLOGGED, UNKNOWN}


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
    weights = weights_of(np.array(["evidence", "evidence"]), shipped_fits())
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
    fits = fits_of(resolve("tiny", {"weights": {"semantic": 2.0}}))
    assert (weights_of(kinds, fits) == [[2.0, 1.0, 1.0]] * 2).all()
    assert p_chosen_better(np.zeros(2), kinds, fits) == pytest.approx([0.5, 0.5])
    slope = shipped_fits()["harmlessness"].slope
    assert p_chosen_better(np.array([0.5]), kinds[:1], fits) == pytest.approx(
        1 / (1 + np.exp(-slope / 2))
    )


def test_a_builds_own_fit_takes_the_place_of_one_kind():
    own = {"weights": {"semantic": 0, "factual": 1, "value": 3}, "slope": 4.0, "n": 20}
    fits = fits_of(resolve("tiny", {"reliability": {"sentiment": own}}))
    kinds = np.array(["sentiment", "evidence"])
    weights = weights_of(kinds, fits)
    assert weights[0].tolist() == [0.0, 1.0, 3.0]
    assert weights[1].tolist() == weights_of(kinds, shipped_fits())[1].tolist()
    # 1 / (1 + e^-2)
    assert p_chosen_better(np.array([0.5]), kinds[:1], fits) == pytest.approx([0.8807970779778823])


def test_a_kind_of_prompts_that_is_none_is_named():
    with pytest.raises(UserError, match="helpful'"):
        resolve("tiny", {"reliability": {"helpful": {"weights": {}, "slope": 1.0}}})


def test_other_scorers_than_those_of_the_fits_are_noted():
    assert unmeasured(resolve("tiny", {})) == []
    (note,) = unmeasured(resolve("mistral", {}))
    assert "Skywork/Skywork-Reward-V2-Qwen3-4B" in note
    # where help is asked for, the set's reward model decides
    assert fits_of(resolve("mistral", {}))["helpfulness"].weights == Weights(0.0, 0.0, 1.0)
    every = {kind: {"weights": {}, "slope": 1.0} for kind in shipped_fits()}
    assert unmeasured(resolve("mistral", {"reliability": every})) == []
