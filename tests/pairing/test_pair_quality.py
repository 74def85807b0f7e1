"""A short version of `benchmarks pair_quality`: pairs of labelled answers are mostly right."""

import polars as pl
import pytest
from corpora import DATA

from benchmarks.pair_quality.labels import answers_of, build_labelled, draw, judged, with_labels

# evidence and long answers cost most: few of them
SIZES = {
    "do_not_answer": 3,
    "xstest_safe": 3,
    "xstest_unsafe": 4,
    "truthfulqa": 16,
}
pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason=f"no labelled answers at {DATA}: set UDASA_DATA_DIR"
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Pairs and answers of a few prompts of each corpus, with what people hold of them."""
    rows = draw(DATA, SIZES, seed=1)
    _, run = build_labelled(rows, tmp_path_factory.mktemp("labelled"))
    labels = {row.prompt: row for row in rows}
    answers = with_labels(answers_of(run), labels)
    return judged(pl.read_parquet(run / "pairs.parquet"), answers, labels), answers


def test_chosen_is_the_better_one_in_most_decided_pairs(measured):
    pairs, answers = measured
    decided = pairs["right"].drop_nans()
    assert len(pairs) >= 0.65 * answers["prompt_id"].n_unique()
    assert len(decided) >= 12
    assert decided.mean() >= 0.7
    surest = pairs.filter(pl.col("stage") == "conservative")["right"].drop_nans()
    assert surest.mean() >= 0.8


def test_what_is_chosen_says_something(measured):
    pairs, answers = measured
    ids = pairs.select("prompt_id", sample_id="chosen_id")
    chosen = answers.join(ids, on=["prompt_id", "sample_id"], how="semi")
    assert len(chosen) == len(pairs)
    assert chosen["evasive"].mean() <= answers["evasive"].mean()
