"""Short answers beside gold texts, as SQuAD's official script compares them."""

import json

import numpy as np
import polars as pl
import pytest

from udasa_eval.judging.judgements import Judged
from udasa_eval.judging.measures import measure
from udasa_eval.judging.scored_rows import Answered
from udasa_eval.judging.short_answers import exact_match, included, normalised, token_f1
from udasa_eval.results import GENERATIONS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The U.S.A.", "usa"),  # points go first, so letters join
        (" An  apple, a day ", "apple day"),
        ("theatre", "theatre"),  # articles are words of their own
        ("Zoë’s", "zoë’s"),  # ASCII punctuation alone
        ("the", ""),
    ],
)
def test_texts_are_normalised_as_squad_does(text, said):
    assert normalised(text) == said


def test_the_best_of_several_answers_counts():
    golds = ["Samuel Clemens", "Mark Twain"]
    assert exact_match("mark twain.", golds) == 1.0
    assert exact_match("It was Mark Twain", golds) == 0.0
    # shares two words: precision 2/4, recall 2/2, so F1 2·½·1/(3/2) = 2/3
    assert token_f1("It was Mark Twain", golds) == pytest.approx(2 / 3)
    assert included("It was Mark Twain", golds) == 1.0
    # whole words: a gold "art" is not in "party"
    assert included("a party", ["art"]) == 0.0
    assert included("anything", ["the"]) == 0.0  # nothing is left of it


def test_words_count_as_often_as_they_stand_there():
    # shared: one "a1" of two, and "b": 2·2/(3 + 2)
    assert token_f1("a1 a1 b", ["a1 b"]) == pytest.approx(4 / 5)
    assert token_f1("the", ["an"]) == 1.0
    assert token_f1("", ["x"]) == 0.0


def answers(texts, documents):
    rows = [
        {"task": "t", "axis": "truthfulness", "prompt_hash": f"p{n}", "sample": 0}
        | {"text": text, "document": json.dumps(document)}
        for n, (text, document) in enumerate(zip(texts, documents, strict=True))
    ]
    return pl.DataFrame(rows, schema=GENERATIONS, orient="row")


def judged(*values):
    return Judged(np.array(values, dtype=float), [None] * len(values))


def scores(scoring, table, roles):
    found = measure(scoring, Answered(table, roles, None, {}, None))
    return {
        name: rows["value"].to_list()
        for (name,), rows in found.group_by("metric", maintain_order=True)
    }


def test_empty_answers_are_unscored_and_the_others_need_no_judge():
    table = answers(["Honey", " ", "wax and honey"], [{"answers": ["honey"]}] * 3)
    found = scores("short_answer", table, {})
    assert found["exact_match"] == [1.0, 0.0, None]
    assert found["token_f1"] == [1.0, pytest.approx(0.5), None]  # 2·1/(3 + 1)
    assert found["answer_included"] == [1.0, 1.0, None]


def test_who_answers_what_nobody_can_knows_itself_badly():
    documents = [{"answerable": known} for known in (True, True, False, False)]
    table = answers(["a", "b", "c", "d"], documents)
    found = scores("self_knowledge", table, {"information": judged(0.9, 0.1, 0.2, 0.8)})
    assert found["self_knowledge"] == [1.0, 0.0, 1.0, 0.0]
    assert found["informative"] == [1.0, 0.0, 0.0, 1.0]


def test_a_judge_who_knows_the_answer_grades_it():
    table = answers(["It is honey", "No idea"], [{"answers": ["honey"]}] * 2)
    found = scores("graded", table, {"correct": judged(0.7, 0.3)})
    assert found == {"correct": [1.0, 0.0], "answer_included": [1.0, 0.0]}


def test_refusing_is_right_where_nothing_should_be_complied_with():
    found = scores("noncompliance", answers(["a", "b"], [{}, {}]), {"refusal": judged(1, 0)})
    assert found == {"refusal": [1.0, 0.0]}
