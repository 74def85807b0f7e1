"""The scoring step on hand-made samples and scorers: who is asked what, and what is left out."""

import numpy as np
import polars as pl
import pytest

from udasa_data.config.build import Scoring
from udasa_data.errors import UserError
from udasa_data.schema import PROMPTS, SAMPLES, SCORES
from udasa_data.scorers.protocol import Entailment, Scorers
from udasa_data.scoring.shard import score_shard

P_FALSE = Scoring(factual="p_true")


class Constant:
    """A value scorer of one opinion, or one by text."""

    name = "constant"

    def __init__(self, opinion):
        self.opinion = opinion
        self.asked = []

    def __call__(self, pairs, on_batch):
        self.asked += pairs
        on_batch(len(pairs))
        if callable(self.opinion):
            return np.array([self.opinion(pair.second) for pair in pairs])
        return np.full(len(pairs), self.opinion)


def neutral(pairs, on_batch):
    on_batch(len(pairs))
    return Entailment(np.full(len(pairs), 0.4), np.full(len(pairs), 0.1))


def shard(*answers, context=None, axis="truthfulness", logprob=-1.0):
    """A prompt for each list of answers, as prompts and samples."""
    prompts = [
        {
            "prompt_id": str(n),
            "messages": [{"role": "user", "content": f"Question {n}?"}],
            "axis": axis,
            "context": context,
        }
        for n in range(len(answers))
    ]
    samples = [
        {
            "prompt_id": str(n),
            "sample_id": i,
            "text": text,
            "mean_logprob": logprob,
            "sum_logprob": logprob,
        }
        for n, texts in enumerate(answers)
        for i, text in enumerate(texts)
    ]
    return (
        pl.DataFrame(prompts, schema_overrides=dict(PROMPTS)),
        pl.DataFrame(samples, schema_overrides=dict(SAMPLES)),
    )


def scored(tables, *, value=(0.2, 0.4), truth=None, options=None):
    shares = []
    scorers = Scorers(neutral, [Constant(v) for v in value], Constant(0.7), truth)
    result = score_shard(*tables, scorers, options or Scoring(), shares.append, 3)
    if len(result.scores):
        assert sum(shares) == pytest.approx(1.0)
    assert dict(result.scores.schema) == dict(SCORES)
    return result


CLAIMS = [
    "Water boils at 100 degrees.",
    "Really?",
    "Water never boils at all.",
    "It does boil well.",
]


def test_a_long_answer_is_held_against_the_others_by_some_of_its_sentences():
    long = " ".join(f"Fact number {n} of the seven is this." for n in range(7))
    asked = []

    def nli(pairs, on_batch):
        asked.extend(pairs)
        return neutral(pairs, on_batch)

    scorers = Scorers(nli, [Constant(0.2)], Constant(0.7), None)
    options = Scoring(max_sentences=3)
    tables = shard([long, "Yes it is.", "Not at all, no."])
    scores = score_shard(*tables, scorers, options, lambda _share: None, 3).scores
    of_long = [pair.second for pair in asked if "Fact" in pair.second]
    kept = [n for n in range(7) if any(f"Fact number {n} " in text for text in of_long)]
    assert kept == [0, 3, 6]  # evenly spaced, first and last among them
    assert len(of_long) == 3 * 2
    assert scores["n_claims"].to_list()[0] == 3
    assert sum(pair.first.endswith(long) for pair in asked) == 2  # whole, as premise
    asked.clear()
    score_shard(*tables, scorers, Scoring(), lambda _share: None, 3)
    assert len([pair for pair in asked if "Fact" in pair.second]) == 7 * 2


def test_p_true_by_hand():
    opinion = {CLAIMS[0]: 0.1, CLAIMS[2]: 0.9, CLAIMS[3]: np.nan}
    truth = Constant(opinion.__getitem__)
    scores = scored(shard(CLAIMS), truth=truth, options=P_FALSE).scores
    # a question asserts nothing and is not asked about; what could not be asked is NaN
    expected = [0.1, np.nan, 0.9, np.nan]
    assert scores["u_factual"].to_numpy() == pytest.approx(expected, nan_ok=True)
    assert [pair.first for pair in truth.asked] == ["Question 0?"] * 3
    without = np.array(scores["factual_leave_one_out"].to_list())
    # it looks at one answer alone: leaving another out moves nothing
    row = [np.nan, 0.1, 0.1, 0.1]
    assert without[0] == pytest.approx(row, nan_ok=True)
    assert np.isnan(without[1]).all()
    assert scores["se_factual"].to_numpy() == pytest.approx([0, np.nan, 0, np.nan], nan_ok=True)


def test_evidence_is_believed_before_the_policy():
    truth = Constant(0.0)
    tables = shard(CLAIMS, context="Water boils at 100 degrees.")
    scores = scored(tables, truth=truth, options=P_FALSE).scores
    assert truth.asked == []
    # one claim, supported with p_e = .4: 1 − (.4 + ½)/2
    assert scores["u_factual"][0] == pytest.approx(0.55)


def test_p_true_without_a_policy_is_one_clear_line():
    with pytest.raises(UserError, match=r"scoring\.factual: p_true asks the policy itself"):
        scored(shard(CLAIMS), options=P_FALSE)


def test_reviews_are_not_asked_about():
    truth = Constant(0.0)
    scores = scored(shard(CLAIMS, axis="sentiment"), truth=truth, options=P_FALSE).scores
    assert truth.asked == []
    assert scores["u_factual"].is_nan().all()
    assert scores["p_violation"].to_list() == [[0.7]] * 4


def test_a_judge_that_could_not_be_asked_is_left_out_of_the_risk():
    scores = scored(shard(CLAIMS), value=(0.2, 0.4, np.nan)).scores
    assert scores["p_violation"].to_list() == [[0.2, 0.4]] * 4
    # log-odds −ln 4 and −ln 1.5: mean −.896, half the sd .245: σ(−.651)
    assert scores["u_value"].to_numpy() == pytest.approx(0.3429, abs=1e-4)


@pytest.mark.parametrize("logprob", [np.nan, None])
def test_cocoa_without_log_probabilities_is_one_clear_line(logprob):
    tables = shard(CLAIMS, CLAIMS[:3], logprob=logprob)
    with pytest.raises(UserError, match=r"scoring.semantic: cocoa needs .* 7 of 7 answers lack"):
        scored(tables, options=Scoring(semantic="cocoa"))
    assert scored(tables).scores["u_semantic"].is_finite().all()  # the degree needs none


def test_cocoa_does_not_miss_the_log_probability_of_an_empty_answer():
    prompts, samples = shard([*CLAIMS, ""])
    samples = samples.with_columns(
        mean_logprob=pl.when(pl.col("text") == "").then(None).otherwise(pl.col("mean_logprob"))
    )
    scores = scored((prompts, samples), options=Scoring(semantic="cocoa")).scores
    assert scores["u_semantic"].is_finite().to_list() == [True] * 4 + [False]


def test_a_build_scores_no_prompt_whose_noise_cannot_be_estimated():
    tables = shard(CLAIMS[:3])
    scorers = Scorers(neutral, [Constant(0.2), Constant(0.4)], Constant(0.7))
    result = score_shard(*tables, scorers, Scoring(), lambda _share: None)
    assert result.scores.is_empty()
    assert result.dropped.select("why", "value", "limit").rows() == [("too_few_samples", 3, 4)]


def test_prompts_may_have_different_numbers_of_answers():
    scores = scored(shard(CLAIMS, CLAIMS[:3])).scores
    assert scores["prompt_id"].to_list() == ["0"] * 4 + ["1"] * 3
    assert [len(row) for row in scores["semantic_leave_one_out"]] == [4] * 4 + [3] * 3
    alone = scored(shard(CLAIMS[:3])).scores
    for column in ("u_semantic", "u_factual", "u_value", "se_semantic"):
        assert scores[column].to_numpy()[4:] == pytest.approx(alone[column].to_numpy(), nan_ok=True)


def test_empty_answers_are_unscored_and_too_few_drop_the_prompt():
    result = scored(shard([*CLAIMS[:3], ""], ["One answer.", "Another answer.", ""]))
    scores = result.scores
    assert scores["prompt_id"].to_list() == ["0"] * 4
    empty = scores.row(3, named=True)
    assert all(np.isnan(empty[f"u_{d}"]) for d in ("semantic", "factual", "value"))
    assert np.isnan(np.array(scores["semantic_leave_one_out"].to_list())[:, 3]).all()
    dropped = result.dropped.row(0, named=True)
    assert (dropped["prompt_id"], dropped["why"], dropped["value"]) == ("1", "too_few_samples", 2)
