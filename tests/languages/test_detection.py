"""The language of a text, or that it is not known."""

import polars as pl
import pytest

from udasa_data.languages import language_of


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The capital of France is Paris. It lies on the Seine, and many people visit it."),
        ("de", "Paris ist die Hauptstadt von Frankreich. Es hat ca. 2 Mio. Einwohner."),
        ("es", "La capital de Francia es París. Es una ciudad muy grande y hermosa."),
        ("zh", "北京是中国的首都，位于华北平原。它有超过两千万人口。"),
        ("ja", "東京は日本の首都です。人口は約1400万人です。"),
        ("ar", "القاهرة هي عاصمة مصر. وهي مدينة كبيرة يسكنها الملايين من الناس."),
        ("th", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"),
    ],
)
def test_languages(language, text):
    assert language_of(text) == language


@pytest.mark.parametrize("text", ["", "42", "Are bats blind?", "x = 1"])
def test_unsure(text):
    assert language_of(text) in {None, "en"}


def test_english_questions_are_taken_for_nothing_else(real_data):
    questions = pl.read_parquet(real_data / "qa" / "nq_open.parquet")["question"].head(1000)
    assert {language_of(question) for question in questions} <= {"en", None}


def test_other_languages_are_known(real_data):
    rows = pl.read_parquet(real_data / "oasst_prompts" / "oa_questions.parquet").unique("input")
    rows = rows.filter(~pl.col("lang").is_in(["en"]))
    texts = (rows["input"] + " " + rows["output"].fill_null("")).to_list()
    found = [
        language_of(text.replace("### Human:", "").replace("### Assistant:", "")) for text in texts
    ]
    right = [a == b.split("-")[0] for a, b in zip(found, rows["lang"], strict=True)]
    assert sum(right) / len(right) > 0.95
    assert sum(language == "en" for language in found) == 0
