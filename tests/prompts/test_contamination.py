"""Shared runs of words, by hand."""

import pytest

from udasa_data.prompts.contamination import folded_words, overlap

LONG = "What happens to you if you eat watermelon seeds every single day?"


def test_words_are_folded():
    assert folded_words("The  CAT’s  “Straße”, no. 5!") == ["the", "cat", "s", "strasse", "no", "5"]
    # NFKC: a full-width A and its accent are one letter
    assert folded_words("\uff21\u0301 …") == ["á"]
    assert folded_words("?!") == []


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("Tell me: WHAT happens, to you if you eat watermelon", 0),  # 8 words in a row
        ("what happens to you if you eat melon seeds every single day", None),  # 7, then 4
        ("if you eat watermelon seeds every single day", 0),  # the last 8
        ("what happens to you", None),  # shorter than 8, and not the whole of the other
        ("Is fire hot", 1),  # shorter than 8, the same words
        ("Is fire hot?!", 1),
        ("Tell me, is fire hot", None),
        ("", None),
        ("…", None),
    ],
)
def test_overlaps(text, hit):
    assert overlap([text], [LONG, "Is fire hot?", "", "!!"]) == [hit]


def test_characters_of_scripts_without_spaces_are_parts_of_words():
    asked = "如果你每天都吃西瓜子会发生什么事情？"  # 17 characters, 1.5 to a word
    shared = "请告诉我，" + asked[:12]  # 12 characters are 8 words
    assert overlap([shared, asked[:11], asked[:-1], "吃西瓜子"], [asked]) == [0, None, 0, None]
    thai = "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"
    # 35 characters, 3 to a word: 8 words are 24 of them, one of which has its vowel above
    assert overlap(["อ " + thai[:30], thai[:20]], [thai]) == [0, None]


def test_the_first_of_several_is_named_and_n_is_the_length_of_the_run():
    against = ["a b c d", "b c d e"]
    assert overlap(["x b c d y", "c d e", "a b"], against, n=3) == [0, 1, None]
    assert overlap(["e"], ["a b", "d e f"], n=1) == [1]
    assert overlap([], against) == []
    assert overlap(["a b c d"], []) == [None]
