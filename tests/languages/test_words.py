"""Words in every script; those of English as they always were."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udasa_data.languages import (
    count_spaced_words,
    count_words,
    opening,
    spaced_words,
    word_share,
    words,
)

LATIN = st.text(alphabet=st.characters(max_codepoint=0x24F, exclude_categories=["Cs"]))


@given(LATIN)
def test_latin_words_are_runs_of_letters_and_digits(text):
    assert words(text) == re.findall(r"\w+", text)
    assert count_words(text) == len(words(text))
    assert spaced_words(text) == text.split()
    assert count_spaced_words(text) == len(text.split())
    assert opening(text, 8) == " ".join(text.split()[:8])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京是首都。", ["北", "京", "是", "首", "都"]),
        ("東京タワーは333mです", ["東", "京", "タ", "ワ", "ー", "は", "333m", "で", "す"]),
        ("น้ำเปียก", ["น้ำ", "เ", "ปี", "ย", "ก"]),  # a character has its marks
        ("ရန်ကုန် မြို့", ["ရ", "န်", "ကု", "န်", "မြို့"]),
        ("दिल्ली बड़ी है", ["दिल्ली", "बड़ी", "है"]),  # vowel signs part no word
        ("القاهرة هي عاصمةُ مصر.", ["القاهرة", "هي", "عاصمةُ", "مصر"]),
        ("می‌خواهم بروم", ["می‌خواهم", "بروم"]),
        ("서울은 수도이다.", ["서울은", "수도이다"]),
        ("GPT-4模型 ok", ["GPT", "4", "模", "型", "ok"]),
        ("❤️ 😀 …", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_a_character_is_a_part_of_a_word():
    # 8 characters of 1.5 a word: 5.3, rounded up; with two words of Latin, 2 + 4 / 1.5 = 4.7
    assert count_words("北京是中国的首都。") == 6
    assert count_words("GPT 4 模型很好") == 5
    # 35 characters of 3 a word: 11.7
    assert count_words("กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย") == 12
    assert count_words("") == count_words("。") == 0
    assert [word_share(w) for w in ("film", "都", "น้ำ")] == pytest.approx([1, 1 / 1.5, 1 / 3])


def test_openings_end_within_a_text_without_spaces():
    review = "这部电影非常好看，演员的表演也很自然。" * 90
    assert opening(review, 8) == "这部电影非常好看，演员的表"  # 12 characters
    assert opening("這是 film 很好", 3) == "這是 film 很"  # 1.3 + 1 + .7
    assert count_spaced_words(opening(review, 8)) == 8
    assert opening("short", 8) == "short"


def test_pieces_of_a_text_without_spaces_keep_their_punctuation():
    assert spaced_words("「是的。」 film, ok") == ["「是", "的。」", "film,", "ok"]
