"""How well each uncertainty tells bad answers from good ones, on labelled answers of real models.

One row a corpus and estimator: AUROC and PRR against the labels, accuracy on the comparisons, with
95% intervals over questions; length, a random score and a prompt's semantic entropy beside them.
Answers are cut to their first sentences, six to a question (inputs/labelled_answers.py). Needs the
corpora: set UDASA_DATA_DIR. Other scorers: --nli ID, --value ID:CLASS,… (may be given again);
--embedder ID adds the cosine of sentence embeddings.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.inputs.labelled_answers import SETS, Question
from benchmarks.paths import require_data
from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_data.config.build import ModelRef, Scoring, SemanticEstimator, ValueRef
from udasa_data.config.presets import resolve
from udasa_data.languages import sentences
from udasa_data.scorers.cache import ScoreCache
from udasa_data.scorers.embedding import Embedder
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import TextPair, no_progress
from udasa_data.scorers.value import ValueScorer
from udasa_data.scoring.claims import is_checkable
from udasa_data.scoring.estimators import ESTIMATORS, Evidence
from udasa_data.scoring.pairwise import Answers, between_answers, cubes, plan_pairs
from udasa_data.storage.model_files import locate
from udasa_data.uncertainty import factual, meaning, value
from udasa_eval.stats.ranking import Estimate, auroc, clustered, prediction_rejection_ratio

Floats = NDArray[np.float64]
QUESTIONS: Final = 40  # of each corpus
SEMANTIC: Final[tuple[SemanticEstimator, ...]] = (
    "degree",
    "luq",
    "eccentricity",
    "cluster",
    "lexical",
)


class Models(NamedTuple):
    """What scores: NLI, value scorers, and sentence embeddings where they are asked for."""

    nli: NliScorer
    value: list[ValueScorer]
    embedder: Embedder | None


def load(arguments: argparse.Namespace, cache: Path) -> Models:
    """Return the embedded scorers, or those named on the command line."""
    config = resolve("tiny", {})
    nli = ModelRef(id=arguments.nli) if arguments.nli else config.nli
    named = [ref.partition(":") for ref in arguments.value]
    values = [ValueRef(id=i, violation=tuple(filter(None, c.split(",")))) for i, _, c in named]
    options, encoder = Options(cache=ScoreCache(cache)), arguments.embedder
    return Models(
        NliScorer(locate(nli), options),
        [ValueScorer(ref, locate(ref), options) for ref in values or config.value],
        Embedder(locate(ModelRef(id=encoder)), options) if encoder else None,
    )


def score(question: Question, models: Models) -> dict[str, Floats]:
    """Return [K] uncertainties of a question's answers by estimator."""
    k = len(question.answers)
    row = {
        "axis": question.axis,
        "context": question.context,
        "messages": [{"role": "user", "content": question.text}],
    }
    unknown = [float("nan")] * k
    answers = Answers(row, list(range(k)), question.answers, unknown, unknown, k)
    scores = models.nli(plan_pairs([answers]), no_progress)
    entail, contradict = cubes(answers, scores)
    u = {"factual": _factual(answers, entail, contradict, scores.entail)}
    asked = [TextPair(question.text, answer) for answer in question.answers]
    p_violation = np.stack([scorer(asked, no_progress) for scorer in models.value], axis=-1)
    u["value"] = value.risk_and_disagreement(p_violation)
    u |= {f"value: {s.name}": p_violation[:, n] for n, s in enumerate(models.value)}
    if k < 3:  # two answers are as far from one another: nothing semantic to tell
        return u
    evidence = Evidence(
        between_answers(answers, entail),
        between_answers(answers, contradict),
        entail,
        contradict,
        np.array(unknown),
        question.answers,
        models.embedder(question.answers, no_progress) if models.embedder else np.empty((k, 0)),
    )
    names: tuple[SemanticEstimator, ...] = (*SEMANTIC, "cosine") if models.embedder else SEMANTIC
    u |= {f"semantic: {name}": ESTIMATORS[name](evidence) for name in names}
    clusters = meaning.meaning_clusters(evidence.entail, evidence.contradict)
    u["semantic entropy"] = np.full(k, meaning.semantic_entropy(clusters))
    return u


def _factual(answers: Answers, entail: Floats, contradict: Floats, scored: Floats) -> Floats:
    """Return u_factual [K]: by the evidence where there is some, else by the other answers."""
    u = np.full(len(answers.texts), np.nan)
    for i, claims in enumerate(answers.claims):
        if answers.evidence and claims:
            rows = [r for r, (a, _, _) in enumerate(answers.evidence_rows) if a == i]
            supported = scored[answers.first_evidence + np.array(rows)]
            v = factual.support(supported.reshape(len(claims), len(answers.evidence)))
        else:
            v = factual.consistency(factual.agreement(entail[i, claims], contradict[i, claims]))
        u[i] = factual.shrunk_uncertainty(v, Scoring().claim_prior)
    return u


def baselines(question: Question, rng: np.random.Generator) -> dict[str, Floats]:
    """Return what needs no model: length either way is one row (short is uncertain), and chance."""
    words = np.array([float(len(answer.split())) for answer in question.answers])
    claims = [sum(map(is_checkable, sentences(answer))) for answer in question.answers]
    return {
        "length": -words,
        "number of claims": -np.array(claims, dtype=np.float64),
        "random": rng.random(len(words)),
    }


def rows_of(
    name: str, questions: Sequence[Question], scored: Sequence[dict[str, Floats]]
) -> Iterator[tuple[str, ...]]:
    """Yield a table row for each estimator of a corpus."""
    for estimator in scored[0]:
        of_questions = [u[estimator] for u in scored]
        flat = np.concatenate(of_questions)
        bad = np.concatenate([np.array(q.bad) for q in questions])
        number = np.repeat(np.arange(len(of_questions)), [len(u) for u in of_questions])
        usable = np.isfinite(flat) & np.isfinite(bad)
        u, b, c = flat[usable], bad[usable], number[usable]
        labelled = [
            clustered(lambda at, f=f, u=u, b=b: f(u[at], b[at]), c)  # type: ignore[misc]
            for f in (auroc, prediction_rejection_ratio)
        ]
        pairs = [
            (n, float(x[i] < x[j]) + 0.5 * float(x[i] == x[j]))
            for n, (q, x) in enumerate(zip(questions, of_questions, strict=True))
            for i, j in q.better
            if np.isfinite(x[[i, j]]).all()
        ]
        hits = np.array([hit for _, hit in pairs])
        of_question = np.array([n for n, _ in pairs], dtype=np.int64)
        ranked = clustered(lambda at, h=hits: float(h[at].mean()), of_question)  # type: ignore[misc]
        yield (name, estimator, *map(_cell, (*labelled, ranked)), f"{len(u):,}", f"{len(hits):,}")


def _cell(estimate: Estimate) -> str:
    if not np.isfinite(estimate.value):
        return "–"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def main() -> None:
    """Score the corpora, print and write the table."""
    options = parser("uncertainty_quality")
    options.add_argument("--nli", help="NLI model: Hub id or folder")
    options.add_argument("--value", action="append", default=[], help="value scorer, ID:CLASS,…")
    options.add_argument("--embedder", help="sentence encoder: Hub id or folder; adds cosine")
    options.add_argument("--questions", type=int, default=QUESTIONS, help="of each corpus")
    arguments = options.parse_args()
    data = require_data()
    table: list[tuple[str, ...]] = []
    headline: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        models = load(arguments, Path(folder) / "scores.sqlite")
        for name, loader in SETS.items():
            rng = np.random.default_rng(0)
            corpus = loader(data)
            drawn = rng.permutation(len(corpus))[: arguments.questions]
            questions = [corpus[n] for n in drawn]
            scored = [{**score(q, models), **baselines(q, rng)} for q in questions]
            rows = list(rows_of(name, questions, scored))
            table += rows
            print(f"{name}: {len(questions)} questions done", file=sys.stderr, flush=True)
            column = 2 if rows[0][2] != "–" else 4
            headline |= {
                f"{name}_{row[1].replace(': ', '_').replace(' ', '_')}": float(
                    row[column].split()[0]
                )
                for row in rows
                if row[1] in {"semantic: degree", "factual", "value", "length"}
            }
    header = ("corpus", "estimator", "AUROC", "PRR", "preferred", "answers", "comparisons")
    write_results("uncertainty_quality", header, table, headline)


if __name__ == "__main__":
    main()
