"""People's verdicts, laid over staged pairs."""

import json

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_data.pairing.reviews import Review, apply_reviews, read_reviews, wilson
from udasa_data.schema import DROPPED

STAGED = pl.DataFrame(
    {
        "prompt_id": ["a", "b", "c", "d"],
        "run": pl.Series([0, 0, 0, 0], dtype=pl.Int32),
        "chosen_id": pl.Series([0, 1, 2, 3], dtype=pl.Int32),
        "rejected_id": pl.Series([3, 2, 1, 0], dtype=pl.Int32),
        "delta_u": [0.4, 0.3, 0.2, 0.1],
        "se_delta": [0.1] * 4,
        "p_chosen_better": [0.8, 0.7, 0.6, 0.55],
        "stage": ["conservative", "moderate", "moderate", "exploratory"],
    }
)
ANSWERS = pl.DataFrame(
    [
        {"run": 0, "prompt_id": p, "sample_id": k, "text": f"{p}{k}"}
        for p in "abcd"
        for k in range(4)
    ],
    schema_overrides={"run": pl.Int32, "sample_id": pl.Int32},
)


def of(prompt, first, second, verdict, **more):
    ids = {"chosen_id": first, "rejected_id": second}
    return Review(prompt_id=prompt, verdict=verdict, **ids, **more)


def test_approved_flipped_and_rejected():
    reviews = [
        of("b", 1, 2, "approve"),
        of("c", 2, 1, "flip", note="the other"),
        of("d", 3, 0, "reject"),
    ]
    pairs, dropped, summary = apply_reviews(STAGED, ANSWERS, reviews)
    rows = {row["prompt_id"]: row for row in pairs.iter_rows(named=True)}
    assert rows.keys() == {"a", "b", "c"}
    assert rows["a"] == {**STAGED.row(0, named=True), "review": None}  # nobody looked: as it was
    sure = {"p_chosen_better": 1.0, "stage": "conservative"}
    assert rows["b"] == {**STAGED.row(1, named=True), **sure, "review": "approved"}
    swapped = {"chosen_id": 1, "rejected_id": 2, "delta_u": -0.2}
    assert rows["c"] == {**STAGED.row(2, named=True), **swapped, **sure, "review": "flipped"}
    assert dropped.schema == DROPPED
    assert dropped.select("prompt_id", "what", "why").rows() == [("d", "pair", "reviewed")]
    moderate = summary.stages["moderate"]
    # of two decided the model was right in one; it had said (.7 + .6) / 2
    assert (moderate.approved, moderate.flipped, moderate.rejected) == (1, 1, 0)
    assert moderate.expected == pytest.approx(0.65)
    assert (summary.stages["exploratory"].rejected, summary.notes, summary.not_found) == (1, 1, 0)


def test_a_verdict_is_on_two_answers_whichever_is_chosen_now():
    shown_the_other_way = of("a", 3, 0, "approve")  # 3 is better; the build chose 0
    pairs = apply_reviews(STAGED, ANSWERS, [shown_the_other_way]).pairs
    assert pairs.row(0, named=True)["chosen_id"] == 3
    assert pairs.row(0, named=True)["review"] == "flipped"


@pytest.mark.parametrize(
    "review",
    [
        of("a", 0, 1, "approve"),  # of another pair of answers
        of("e", 0, 3, "approve"),  # of another prompt
        of("a", 0, 3, "approve", run=1),
        of("a", 0, 3, "approve", chosen="another text"),
    ],
)
def test_what_is_of_another_pair_is_counted_and_does_nothing(review):
    pairs, dropped, summary = apply_reviews(STAGED, ANSWERS, [review])
    assert pairs["review"].null_count() == len(STAGED) == len(pairs)
    assert summary.not_found == 1
    assert dropped.is_empty()


def test_the_last_verdict_counts_and_a_note_is_none():
    reviews = [of("a", 0, 3, "flip"), of("a", 0, 3, "approve"), of("a", 0, 3, None, note="hm")]
    pairs, _, summary = apply_reviews(STAGED, ANSWERS, reviews)
    assert pairs["review"].to_list() == ["approved", None, None, None]
    assert summary.stages["conservative"].decided == 1


def test_wilson():
    # 8 of 10: (.8 + 1.96²/20 ± 1.96 √(.016 + 1.96²/400)) / (1 + 1.96²/10) = [.490, .943]
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    low, high = wilson(5, 5)
    assert (low, high) == pytest.approx((0.5655, 1.0), abs=1e-4)


def test_a_file_that_is_none_names_its_line(tmp_path):
    file = tmp_path / "reviews.jsonl"
    good = json.dumps({"prompt_id": "a", "chosen_id": 0, "rejected_id": 3, "verdict": "flip"})
    file.write_text(f"{good}\n\n{good}\n")
    assert len(read_reviews(file)) == 2
    file.write_text(good.replace('"flip"', '"flip", "chosen": "a\u2028b"') + "\r\n")
    assert read_reviews(file)[0].chosen == "a\u2028b"
    file.write_text(f"{good}\n{good.replace('flip', 'turn')}\n")
    with pytest.raises(UserError, match="line 2: no review"):
        read_reviews(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_reviews(tmp_path / "none.jsonl")
