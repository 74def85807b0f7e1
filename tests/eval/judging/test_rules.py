"""Words and their variety, with and without spaces between them."""

import pytest

from udasa_eval.judging.rules import distinct, without_judges


def test_distinct_n_of_words_and_of_characters():
    # a b a: 2 of 3 words, and both of its pairs
    assert distinct("A b a", 1) == pytest.approx(2 / 3)
    assert distinct("A b a", 2) == pytest.approx(1.0)
    # 好 very good: 好 很 好 is 2 of 3
    assert distinct("好很好", 1) == pytest.approx(2 / 3)
    assert distinct("好好好好", 2) == pytest.approx(1 / 3)
    assert distinct("好", 2) is None


def test_words_are_counted_in_every_script():
    assert without_judges({}, ["Don't do it."])["words"] == 3
    assert without_judges({}, ["北京是中国的首都。"])["words"] == 6  # 8 characters of 1.5
