"""The third step: samples → scores, the raw uncertainties of each answer.

One set of NLI pairs serves both the semantic and the factual dimension: each sentence of an
answer against each other answer to the same prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from udasa_data.config import MIN_SAMPLES, Scoring
from udasa_data.errors import UserError
from udasa_data.schema import DROPPED, SCORES, Axis, Dimension, Why
from udasa_data.scorers import Entailment, Scorers, TextPair, TextScorer
from udasa_data.scoring.estimators import Evidence, estimate
from udasa_data.scoring.pairwise import Answers, between_answers, cubes, plan_pairs
from udasa_data.scoring.refusal import is_refusal
from udasa_data.uncertainty import factual, meaning, value
from udasa_data.uncertainty.jackknife import jackknife_se

Floats: TypeAlias = NDArray[np.float64]


class Scored(NamedTuple):
    """The scores of a shard, and the prompts that could not be scored."""

    scores: pl.DataFrame
    dropped: pl.DataFrame


def score_shard(
    prompts: pl.DataFrame,
    samples: pl.DataFrame,
    scorers: Scorers,
    options: Scoring,
    on_share: Callable[[float], None],
) -> Scored:
    """Score the answers to a shard of prompts in the three dimensions.

    Args:
        prompts: rows of the prompts table.
        samples: all samples of these prompts.
        scorers: the models.
        options: of the scoring step.
        on_share: told the share of the shard's work just done; the shares sum to 1.

    Returns:
        one row for each sample of each prompt with at least three non-empty answers, in the
        order of ``prompts`` and ``sample_id``; an empty answer's uncertainties are NaN.

    Raises:
        UserError: an option needs log-probabilities that the samples lack, or a policy to ask.
    """
    if options.factual == "p_true" and scorers.truth is None:
        raise UserError(
            "scoring.factual: p_true asks the policy itself, which is not at hand; use consistency"
        )
    answers, dropped = _by_prompt(prompts, samples)
    if options.semantic == "cocoa":
        _require_logprobs(answers)
    pairs = plan_pairs(answers)
    asked = _to_ask(answers) if scorers.truth else []
    values = [pair for one in answers for pair in _value_pairs(one)]
    sentiment = np.array([one.row["axis"] == Axis.SENTIMENT for one in answers for _ in one.texts])
    texts = [text for one in answers for text in one.texts] if scorers.embedder else []
    work = len(pairs) + len(values) * len(scorers.value) + len(asked) + len(texts)

    def done(rows: float) -> None:
        on_share(rows / work)

    entailment = scorers.nli(pairs, done)
    violations = _violations(scorers, values, sentiment.astype(bool), done)
    if scorers.truth:
        _note_p_false(asked, scorers.truth, done)
    embeddings = np.empty((len(values), 0))
    if scorers.embedder:
        embeddings = scorers.embedder(texts, done)
    rows, start = [], 0
    for one in answers:
        mine = slice(start, start + len(one.texts))
        rows += _scores_of_prompt(one, entailment, violations[mine], embeddings[mine], options)
        start = mine.stop
    return Scored(
        pl.DataFrame(rows, schema=SCORES, orient="row"),
        pl.DataFrame(dropped, schema=DROPPED, orient="row"),
    )


def _by_prompt(
    prompts: pl.DataFrame, samples: pl.DataFrame
) -> tuple[list[Answers], list[dict[str, Any]]]:
    """Return the non-empty answers to each prompt, and the prompts that have too few of them."""
    grouped = {key[0]: rows for key, rows in samples.group_by("prompt_id", maintain_order=True)}
    answers, dropped = [], []
    for row in prompts.iter_rows(named=True):
        if row["prompt_id"] not in grouped:
            continue  # set aside by the sampling step
        of_prompt = grouped[row["prompt_id"]]
        kept = of_prompt.filter(pl.col("text") != "")
        if len(kept) < MIN_SAMPLES:
            dropped.append(_too_few(row["prompt_id"], len(kept)))
            continue
        ids, texts = kept["sample_id"].to_list(), kept["text"].to_list()
        mean, total = (
            kept[name].fill_null(np.nan).to_list() for name in ("mean_logprob", "sum_logprob")
        )
        answers.append(Answers(row, ids, texts, mean, total, len(of_prompt)))
    return answers, dropped


def _too_few(prompt_id: str, n: int) -> dict[str, Any]:
    why = Why.TOO_FEW_SAMPLES.value
    return {"prompt_id": prompt_id, "what": "prompt", "why": why, "value": n, "limit": MIN_SAMPLES}


def _require_logprobs(answers: Sequence[Answers]) -> None:
    known = np.isfinite([p for one in answers for p in one.mean_logprobs])
    if lacking := int((~known).sum()):
        raise UserError(
            f"scoring.semantic: cocoa needs each answer's log-probability, which {lacking:,} of "
            f"{known.size:,} answers lack; choose another estimator (the default is degree)"
        )


def _to_ask(answers: Sequence[Answers]) -> list[tuple[Answers, int]]:
    """Return the answers of which the policy is asked whether they are true.

    Those that make a checkable claim to a prompt without evidence: evidence knows better.
    """
    return [
        (one, i)
        for one in answers
        for i, claims in enumerate(one.claims)
        if claims and not one.evidence
    ]


def _note_p_false(
    asked: list[tuple[Answers, int]], truth: TextScorer, done: Callable[[float], None]
) -> None:
    """Have the policy say how likely answers are false, and note it in each prompt."""
    pairs = [TextPair(one.row["messages"][-1]["content"], one.texts[i]) for one, i in asked]
    for (one, i), p in zip(asked, truth(pairs, done).tolist(), strict=True):
        one.p_false[i] = p


def _value_pairs(one: Answers) -> list[TextPair]:
    question = one.row["messages"][-1]["content"]
    if one.row["axis"] == Axis.SENTIMENT:
        return [TextPair(f"{question} {text}".lstrip(), "") for text in one.texts]
    return [TextPair(question, text) for text in one.texts]


def _violations(
    scorers: Scorers,
    pairs: list[TextPair],
    sentiment: NDArray[np.bool_],
    done: Callable[[float], None],
) -> Floats:
    """Return P(violation), [N, M]: the value scorers', or the sentiment scorer's in column 0."""
    p_violation = np.full((len(pairs), len(scorers.value)), np.nan)
    others = [pair for pair, is_sentiment in zip(pairs, sentiment, strict=True) if not is_sentiment]
    reviews = [pair for pair, is_sentiment in zip(pairs, sentiment, strict=True) if is_sentiment]
    for column, scorer in enumerate(scorers.value):
        p_violation[~sentiment, column] = scorer(others, done)
    share = len(scorers.value)  # one scorer stands for all of them here
    p_violation[sentiment, 0] = scorers.sentiment(reviews, lambda rows: done(rows * share))
    return p_violation


def _scores_of_prompt(
    one: Answers,
    entailment: Entailment,
    p_violation: Floats,
    embeddings: Floats,
    options: Scoring,
) -> list[dict[str, Any]]:
    entail, contradict = cubes(one, entailment)
    entails, contradicts = between_answers(one, entail), between_answers(one, contradict)
    evidence = Evidence(
        entails,
        contradicts,
        entail,
        contradict,
        np.array(one.mean_logprobs),
        one.texts,
        embeddings,
    )
    u_semantic, semantic_without = estimate(options.semantic, evidence)
    clusters = meaning.meaning_clusters(entails, contradicts)
    u_factual, factual_without = _factual(one, entailment, entail, contradict, options)
    weight = options.disagreement_weight
    u_value = value.risk_and_disagreement(p_violation, weight)
    se_value = jackknife_se(value.value_leave_one_out(p_violation, weight))
    se_semantic = jackknife_se(semantic_without)
    se_factual = jackknife_se(factual_without)
    entropy = float(meaning.semantic_entropy(clusters))
    weighted = meaning.semantic_entropy_rao_blackwell(clusters, np.array(one.sum_logprobs))
    entropy_rb = float(weighted)
    n_clusters = int(meaning.number_of_clusters(clusters))
    rows = {
        sample_id: {
            "u_semantic": u_semantic[i],
            "u_factual": u_factual[i],
            "u_value": u_value[i],
            "se_semantic": se_semantic[i],
            "se_factual": se_factual[i],
            "se_value": se_value[i],
            "semantic_leave_one_out": _by_sample(one, semantic_without[i]),
            "factual_leave_one_out": _by_sample(one, factual_without[i]),
            "p_violation": [p for p in p_violation[i].tolist() if np.isfinite(p)],
            "n_claims": len(one.claims[i]),
            "refusal": is_refusal(one.texts[i]),
            "cluster_id": one.ids[clusters[i]],
        }
        for i, sample_id in enumerate(one.ids)
    }
    of_prompt = {
        "prompt_id": one.row["prompt_id"],
        "n_clusters": n_clusters,
        "semantic_entropy": entropy,
        "semantic_entropy_rb": entropy_rb,
        "homogeneous": n_clusters == 1,
    }
    empty = _unscored(one.n_samples)
    return [{**of_prompt, "sample_id": n, **rows.get(n, empty)} for n in range(one.n_samples)]


def _unscored(n_samples: int) -> dict[str, Any]:
    """Return the columns of an empty answer."""
    return {
        **{f"{kind}_{d}": np.nan for kind in ("u", "se") for d in Dimension},
        **{f"{d}_leave_one_out": [np.nan] * n_samples for d in ("semantic", "factual")},
        "p_violation": [],
        "n_claims": 0,
        "refusal": False,
        "cluster_id": None,
    }


def _factual(
    one: Answers, entailment: Entailment, entail: Floats, contradict: Floats, options: Scoring
) -> tuple[Floats, Floats]:
    """Return u_factual [K] and its leave-one-out replicates [K, K]."""
    k = len(one.texts)
    u, without = np.full(k, np.nan), np.full((k, k), np.nan)
    supported: dict[tuple[int, int], float] = {}
    if one.evidence_rows:
        table = np.array(one.evidence_rows)
        mine = slice(one.first_evidence, one.first_evidence + len(table))
        by_claim = entailment.entail[mine].reshape(-1, len(one.evidence))
        places = table[:: len(one.evidence), :2].tolist()
        best = factual.support(by_claim).tolist()
        supported = {(i, n): v for (i, n), v in zip(places, best, strict=True)}
    for i, claims in enumerate(one.claims):
        others = np.arange(k) != i
        if one.evidence:  # evidence does not depend on the other answers
            v = np.array([supported[i, n] for n in claims])
            u[i] = factual.shrunk_uncertainty(v, options.claim_prior)
            without[i, others] = u[i]
            continue
        if options.factual == "p_true":  # nor does what the policy itself holds of it
            without[i, others] = u[i] = one.p_false.get(i, np.nan)
            continue
        agreements = factual.agreement(entail[i, claims], contradict[i, claims])
        u[i] = factual.shrunk_uncertainty(factual.consistency(agreements), options.claim_prior)
        replicates = factual.consistency_leave_one_out(agreements)
        without[i] = factual.shrunk_uncertainty(replicates, options.claim_prior)
    return u, without


def _by_sample(one: Answers, replicates: Floats) -> list[float]:
    """Spread [K kept] replicates over all sample ids; NaN for empty answers."""
    spread = np.full(one.n_samples, np.nan)
    spread[one.ids] = replicates
    return spread.tolist()
