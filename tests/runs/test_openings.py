"""Chosen answers that begin alike are seen, whatever they say."""

import polars as pl

from udasa_data.runs import opening_notes

STOCK = "Bu konuda\nyorum yapmam mümkün değil, başka bir şey sorun"  # of no list of ours


def tables(*texts, refusal=False):
    """Answers and pairs of a prompt for each text, which is chosen."""
    ids = [f"prompt {n}" for n in range(len(texts))]
    keys = {"run": [0] * len(ids), "prompt_id": ids}
    answers = pl.DataFrame(keys | {"sample_id": [3] * len(ids), "refusal": [refusal] * len(ids)})
    chosen = [[{"role": "assistant", "content": text}] for text in texts]
    return answers, pl.DataFrame(keys | {"chosen_id": [3] * len(ids), "chosen": chosen})


def different(n):
    return [f"Number {k} is an answer of its own, unlike all of the others." for k in range(n)]


def test_a_phrase_that_wins_everywhere_is_told():
    (note,) = opening_notes(*tables(*(f"{STOCK} {n}" for n in range(5)), *different(20)))
    assert note.startswith("5 of 25 chosen answers begin alike (“Bu konuda yorum yapmam mümkün")
    assert "\n" not in note


def test_few_of_them_short_ones_and_refusals_are_not():
    assert opening_notes(*tables(*[STOCK] * 4, *different(20))) == []
    assert opening_notes(*tables(*[STOCK] * 5, *different(200))) == []
    assert opening_notes(*tables(*["Paris."] * 30)) == []
    assert opening_notes(*tables(*[STOCK] * 30, refusal=True)) == []


def test_without_pairs_nothing_is_said():
    answers, pairs = tables(*different(1))
    assert opening_notes(answers, pairs.clear()) == []
