"""The languages that a card names, and the sources of its prompts."""

import polars as pl

from udasa_data.publish.spoken import languages_of

ENGLISH = "The sky is blue because air scatters the blue part of sunlight more than the red part."
GERMAN = "Der Himmel ist blau, weil die Luft das blaue Licht der Sonne stärker streut als das rote."


def pairs_of(*texts):
    rows = [{"chosen": [{"role": "assistant", "content": text}]} for text in texts]
    schema = {"chosen": pl.List(pl.Struct({"role": pl.String, "content": pl.String}))}
    return pl.DataFrame(rows, schema=schema)


def test_languages_are_found_most_first_and_rare_ones_left_out():
    assert languages_of(pairs_of(GERMAN, ENGLISH, GERMAN), None) == ["de", "en"]
    # 1 of 40 is less than one in twenty
    assert languages_of(pairs_of(*[ENGLISH] * 39, GERMAN), None) == ["en"]
    assert languages_of(pairs_of(), None) == []
    assert languages_of(pairs_of("42"), None) == []


def test_what_the_configuration_says_is_taken():
    assert languages_of(pairs_of(ENGLISH), "fr") == ["fr"]
