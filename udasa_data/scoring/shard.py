"""The third step: samples → scores, the raw uncertainties of each answer.

One set of NLI pairs serves both the semantic and the factual dimension: each sentence of an
answer against each other answer to the same prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from udasa_data.config import MIN_SAMPLES, Scoring
from udasa_data.errors import UserError
from udasa_data.languages import language_of
from udasa_data.schema import DROPPED, SCORES, Axis, Dimension, Why
from udasa_data.scorers import Entailment, Scorers
from udasa_data.scoring.claim_support import factual_uncertainty
from udasa_data.scoring.conduct import conduct_of
from udasa_data.scoring.estimators import Evidence, comparable, estimate
from udasa_data.scoring.outputs import run_models
from udasa_data.scoring.pairwise import Answers, between_answers, cubes
from udasa_data.uncertainty import meaning, value
from udasa_data.uncertainty.jackknife import jackknife_se

Floats: TypeAlias = NDArray[np.float64]


class Scored(NamedTuple):
    """The scores of a shard, the prompts that could not be scored, and what languages they are in.

    Attributes:
        scores: as ``schema.SCORES``.
        dropped: as ``schema.DROPPED``.
        languages: prompts scored by the language of their answers; unsure ones are not counted.
    """

    scores: pl.DataFrame
    dropped: pl.DataFrame
    languages: Counter[str]


def score_shard(
    prompts: pl.DataFrame,
    samples: pl.DataFrame,
    scorers: Scorers,
    options: Scoring,
    on_share: Callable[[float], None],
    min_answers: int = MIN_SAMPLES,
) -> Scored:
    """Score the answers to a shard of prompts in the three dimensions.

    Args:
        prompts: rows of the prompts table.
        samples: all samples of these prompts.
        scorers: the models.
        options: of the scoring step.
        on_share: called with the share of the shard's work just done; the shares sum to 1.
        min_answers: non-empty ones from which a prompt is scored; pairs need ``MIN_SAMPLES``.

    Returns:
        one row for each sample of each prompt that is scored, in the order of ``prompts`` and
        ``sample_id``; an empty answer's uncertainties are NaN.

    Raises:
        UserError: an option needs log-probabilities that the samples lack, or a policy to ask.
    """
    if options.factual == "p_true" and scorers.truth is None:
        raise UserError(
            "scoring.factual: p_true asks the policy itself, which is not at hand; use consistency"
        )
    by_prompt, dropped = _by_prompt(prompts, samples, min_answers, options.language)
    if options.semantic == "cocoa":
        _require_logprobs(by_prompt)
    output = run_models(by_prompt, scorers, on_share, options.max_sentences)
    rows, start = [], 0
    for answers, p_harmful in zip(by_prompt, output.p_harmful.tolist(), strict=True):
        of_prompt = slice(start, start + len(answers.texts))
        violations, embeddings = output.violations[of_prompt], output.embeddings[of_prompt]
        p_refuses = None if output.p_refuses is None else output.p_refuses[of_prompt]
        of_answers = _OfPrompt(output.entailment, violations, embeddings, p_harmful, p_refuses)
        rows += _scores_of_prompt(answers, of_answers, options)
        start = of_prompt.stop
    return Scored(
        pl.DataFrame(rows, schema=SCORES, orient="row"),
        pl.DataFrame(dropped, schema=DROPPED, orient="row"),
        Counter(answers.language for answers in by_prompt if answers.language),
    )


def _by_prompt(
    prompts: pl.DataFrame, samples: pl.DataFrame, least: int, language: str | None
) -> tuple[list[Answers], list[dict[str, Any]]]:
    """Return the non-empty answers to each prompt, and the prompts that have too few of them."""
    grouped = {key[0]: rows for key, rows in samples.group_by("prompt_id", maintain_order=True)}
    answers, dropped = [], []
    for row in prompts.iter_rows(named=True):
        if row["prompt_id"] not in grouped:
            continue  # set aside by the sampling step
        of_prompt = grouped[row["prompt_id"]]
        kept = of_prompt.filter(pl.col("text") != "")
        if len(kept) < least:
            why = Why.TOO_FEW_SAMPLES.value
            few = {"prompt_id": row["prompt_id"], "value": len(kept), "limit": least}
            dropped.append({**few, "what": "prompt", "why": why})
            continue
        ids = kept["sample_id"].to_list()
        texts = kept["text"].str.strip_chars().to_list()  # as said, it may end in white space
        mean, total = (
            kept[name].fill_null(np.nan).to_list() for name in ("mean_logprob", "sum_logprob")
        )
        found = language or language_of(" ".join([*texts, row["messages"][-1]["content"]]))
        answers.append(Answers(row, ids, texts, mean, total, len(of_prompt), found))
    return answers, dropped


def _require_logprobs(by_prompt: Sequence[Answers]) -> None:
    known = np.isfinite([p for answers in by_prompt for p in answers.mean_logprobs])
    if lacking := int((~known).sum()):
        raise UserError(
            f"scoring.semantic: cocoa needs each answer's log-probability, which {lacking:,} of "
            f"{known.size:,} answers lack; choose another estimator (the default is degree)"
        )


class _OfPrompt(NamedTuple):
    """What the models say of the K answers to a prompt."""

    entailment: Entailment  # of the whole shard
    p_violation: Floats  # [K, M]
    embeddings: Floats  # [K, D]
    p_harmful: float
    p_refuses: Floats | None  # [K]


def _scores_of_prompt(answers: Answers, said: _OfPrompt, options: Scoring) -> list[dict[str, Any]]:
    """Return a row of the scores table for each sample of a prompt."""
    entailment, embeddings = said.entailment, said.embeddings
    conduct = conduct_of(answers, said.p_harmful, said.p_refuses)
    p_violation = _with_conduct(answers, said.p_violation, conduct.p_misplaced)
    entail, contradict = cubes(answers, entailment)
    entails, contradicts = between_answers(answers, entail), between_answers(answers, contradict)
    logprobs, texts = np.array(answers.mean_logprobs), answers.texts
    evidence = Evidence(entails, contradicts, entail, contradict, logprobs, texts, embeddings)
    u_semantic, semantic_without = estimate(options.semantic, evidence)
    u_factual, factual_without = factual_uncertainty(
        answers, entailment, entail, contradict, options
    )
    weight = options.disagreement_weight
    value_without = value.value_leave_one_out(p_violation, weight, said.p_violation.shape[1])
    columns = {
        "u_semantic": u_semantic,
        "u_factual": u_factual,
        "u_value": value.risk_and_disagreement(p_violation, weight),
        "se_semantic": jackknife_se(semantic_without),
        "se_factual": jackknife_se(factual_without),
        "se_value": jackknife_se(value_without),
    }
    of_prompt, clusters = _meanings(answers, evidence)
    of_prompt["p_harmful"] = said.p_harmful
    rows = {
        sample_id: {
            **{name: column[i] for name, column in columns.items()},
            "semantic_leave_one_out": _by_sample(answers, semantic_without[i]),
            "factual_leave_one_out": _by_sample(answers, factual_without[i]),
            "value_leave_one_out": value_without[i].tolist(),
            "p_violation": [p for p in p_violation[i].tolist() if np.isfinite(p)],
            "n_claims": len(answers.claims[i]),
            "refusal": conduct.refusal[i],
            "evasive": conduct.evasive[i],
            "cluster_id": clusters.get(i),
        }
        for i, sample_id in enumerate(answers.ids)
    }
    empty = _unscored(answers.n_samples, value_without.shape[1])
    return [{**of_prompt, "sample_id": n, **rows.get(n, empty)} for n in range(answers.n_samples)]


def _with_conduct(answers: Answers, p_violation: Floats, p_misplaced: Floats) -> Floats:
    """Return [K, M + 1]: a misplaced refusal is a violation too; a review refuses nothing."""
    if answers.row["axis"] == Axis.SENTIMENT:
        p_misplaced = np.full(len(p_misplaced), np.nan)
    return np.column_stack([p_violation, p_misplaced])


def _meanings(answers: Answers, evidence: Evidence) -> tuple[dict[str, Any], dict[int, int]]:
    """Return the columns that all samples of a prompt share, and each answer's cluster.

    Of the answers that the NLI model can read; where it reads fewer than two, of none.
    """
    of_prompt = {
        "prompt_id": answers.row["prompt_id"],
        "n_clusters": None,
        "semantic_entropy": np.nan,
        "semantic_entropy_rb": np.nan,
        "homogeneous": False,
    }
    read = np.flatnonzero(comparable(evidence))
    if len(read) < 2:
        return of_prompt, {}
    seen = evidence.only(read)
    clusters = meaning.meaning_clusters(seen.entail, seen.contradict)
    logprobs = np.array(answers.sum_logprobs)[read]
    n_clusters = int(meaning.number_of_clusters(clusters))
    of_prompt |= {
        "n_clusters": n_clusters,
        "semantic_entropy": float(meaning.semantic_entropy(clusters)),
        "semantic_entropy_rb": float(meaning.semantic_entropy_rao_blackwell(clusters, logprobs)),
        "homogeneous": n_clusters == 1,
    }
    named = {int(i): answers.ids[read[c]] for i, c in zip(read, clusters, strict=True)}
    return of_prompt, named


def _unscored(n_samples: int, n_scorers: int) -> dict[str, Any]:
    """Return the columns of an empty answer."""
    return {
        **{f"{kind}_{d}": np.nan for kind in ("u", "se") for d in Dimension},
        **{f"{d}_leave_one_out": [np.nan] * n_samples for d in ("semantic", "factual")},
        "value_leave_one_out": [np.nan] * n_scorers,
        "p_violation": [],
        "n_claims": 0,
        "refusal": False,
        "evasive": False,
        "cluster_id": None,
    }


def _by_sample(answers: Answers, replicates: Floats) -> list[float]:
    """Spread [K kept] replicates over all sample ids; NaN for empty answers."""
    spread = np.full(answers.n_samples, np.nan)
    spread[answers.ids] = replicates
    return spread.tolist()
