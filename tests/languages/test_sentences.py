"""Sentences by language, and questions by their marks."""

import pytest

from udasa_data.languages import is_question, sentences


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "北京是首都。你喜欢哪个？", ["北京是首都。", "你喜欢哪个？"]),
        ("ja", "東京は首都です。人口は多い！", ["東京は首都です。", "人口は多い！"]),
        ("ar", "القاهرة عاصمة مصر. هل تعلم؟", ["القاهرة عاصمة مصر.", "هل تعلم؟"]),
        ("hi", "दिल्ली राजधानी है। यह बड़ी है।", ["दिल्ली राजधानी है।", "यह बड़ी है।"]),
        ("km", "ភ្នំពេញធំ។ វាស្អាត។", ["ភ្នំពេញធំ។", "វាស្អាត។"]),
        ("my", "ငါ၏မြို့။ သည်ကြီးသည်။", ["ငါ၏မြို့။", "သည်ကြီးသည်။"]),
        ("de", "Es hat ca. 2 Mio. Einwohner. Gut.", ["Es hat ca. 2 Mio. Einwohner.", "Gut."]),
        ("de", "Am 3. Oktober ist frei.", ["Am 3. Oktober ist frei."]),
        ("fr", "M. Dupont est ici. Il vit.", ["M. Dupont est ici.", "Il vit."]),
        ("el", "Ποια είναι; Η Αθήνα.", ["Ποια είναι;", "Η Αθήνα."]),
        ("xx", "Hi. You.", ["Hi.", "You."]),
        (None, "Dr. Smith left. He came.", ["Dr. Smith left.", "He came."]),
        (None, "...\n---", []),
    ],
)
def test_sentences(language, text, expected):
    assert sentences(text, language) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Why?",
        '"Why?")',
        "你喜欢哪个？",
        "「行きますか？」",
        "هل تعلم ذلك؟",
        "Ποια είναι η πρωτεύουσα;",
        "Ո՞վ է նա։",
        "何が好きですか。",
        "你好吗。",
    ],
)
def test_questions(text):
    assert is_question(text)


@pytest.mark.parametrize("text", ["x = 1;", "静か。", "Really?!", "北京是首都。", "", "?! no"])
def test_no_questions(text):
    assert not is_question(text)
