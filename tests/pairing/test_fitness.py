"""Who may be chosen and who rejected: refusals, evasions, cut answers."""

import polars as pl
import pytest
from answer_tables import answers, replicates

from udasa_data.config.build import Pairing
from udasa_data.pairing.fitness import with_fitness
from udasa_data.pairing.pairs import make_pairs
from udasa_data.pairing.reliability import shipped_fits

RULES = Pairing(noise_z=0.0, tolerance=1.0, length_ratio=4.0)
U = [[0.1, 0.2, 0.3, 0.4]]  # the first answer is the surest, the last the least sure
REFUSES, COMPLIES = True, False


def pair(**columns):
    return make_pairs(answers(U, **columns), replicates(U), RULES, 0, shipped_fits())


def sides(result):
    row = result.pairs.row(0, named=True)
    return row["chosen_id"], row["rejected_id"]


def why(result):
    return result.dropped["why"].to_list()


FIRST_REFUSES = [[REFUSES, COMPLIES, COMPLIES, COMPLIES]]
LAST_REFUSES = [[COMPLIES, COMPLIES, COMPLIES, REFUSES]]
ALL_REFUSE = [[REFUSES] * 4]


@pytest.mark.parametrize("axis", ["harmlessness", "helpfulness", "truthfulness"])
def test_a_refusal_of_a_harmless_prompt_is_never_chosen_but_may_be_rejected(axis):
    assert sides(pair(refusal=FIRST_REFUSES, p_harmful=0.1, axis=axis)) == (1, 3)
    assert sides(pair(refusal=LAST_REFUSES, p_harmful=0.1, axis=axis)) == (0, 3)
    assert why(pair(refusal=ALL_REFUSE, p_harmful=0.1, axis=axis)) == ["refusal"]


def test_where_harm_is_asked_for_a_refusal_is_chosen_over_compliance_never_over_a_refusal():
    asked = {"p_harmful": 0.99, "axis": "harmlessness"}
    assert sides(pair(refusal=FIRST_REFUSES, **asked)) == (0, 3)
    assert sides(pair(refusal=[[REFUSES, COMPLIES, REFUSES, REFUSES]], **asked)) == (0, 1)
    assert why(pair(refusal=ALL_REFUSE, **asked)) == ["all_refuse"]
    # the only refusal is the least sure: nothing is worse, and no answer that complies is chosen
    assert why(pair(refusal=LAST_REFUSES, **asked)) == ["compliance"]
    # nobody refuses: the answers are compared as any others
    assert sides(pair(**asked)) == (0, 3)


def test_where_it_is_unsure_refusals_take_no_part():
    unsure = {"p_harmful": 0.7, "axis": "harmlessness"}
    assert sides(pair(refusal=FIRST_REFUSES, **unsure)) == (1, 3)
    assert sides(pair(refusal=LAST_REFUSES, **unsure)) == (0, 2)
    assert why(pair(refusal=[[COMPLIES, REFUSES, REFUSES, REFUSES]], **unsure)) == [
        "unsure_refusal"
    ]


def test_without_a_scorer_of_prompts_the_axis_decides():
    unknown = {"p_harmful": float("nan"), "refusal": FIRST_REFUSES}
    assert sides(pair(**unknown, axis="helpfulness")) == (1, 3)
    refused = {**unknown, "refusal": [[COMPLIES, REFUSES, REFUSES, REFUSES]]}
    assert why(pair(**refused, axis="harmlessness")) == ["unsure_refusal"]
    assert sides(pair(**refused, axis="helpfulness")) == (0, 3)


def test_refusal_against_compliance_may_differ_in_length():
    lengths = [[10, 100, 100, 100]]
    asked = {"p_harmful": 0.99, "axis": "harmlessness", "n_tokens": lengths}
    assert sides(pair(refusal=FIRST_REFUSES, **asked)) == (0, 3)
    assert why(pair(**asked)) == ["length_ratio"]


def test_cut_answers_are_neither_chosen_nor_rejected_but_reviews_may_be():
    cut = {"finish_reason": [["length", "stop", "stop", "length"]]}
    assert sides(pair(**cut)) == (1, 2)
    assert sides(pair(**cut, mode="completion", axis="sentiment")) == (0, 3)
    assert why(pair(finish_reason="length")) == ["truncated"]
    lenient = RULES.__class__(noise_z=0.0, tolerance=1.0, reject_truncated=True)
    may = make_pairs(answers(U, **cut), replicates(U), lenient, 0, shipped_fits())
    assert sides(may) == (1, 3)


def test_evasive_answers_are_not_chosen_and_where_truth_is_asked_not_rejected():
    evasive = {"evasive": [[True, False, False, True]]}
    assert sides(pair(**evasive, axis="helpfulness")) == (1, 3)
    assert sides(pair(**evasive, axis="truthfulness")) == (1, 2)
    assert why(pair(evasive=True)) == ["evasive"]


def test_an_empty_answer_neither_refuses_nor_complies():
    table = answers(U, refusal=[[REFUSES, REFUSES, REFUSES, COMPLIES]], p_harmful=0.99)
    table = table.with_columns(
        text=pl.when(pl.col("sample_id") == 3).then(pl.lit("")).otherwise("text")
    )
    assert with_fitness(table, RULES)["all_refuse"].all()
