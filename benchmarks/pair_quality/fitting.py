"""`--fit DIR`: weights and slopes by kind of prompt, written to DIR/reliability.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.pair_quality.corpora import Labelled
from benchmarks.pair_quality.fit import Comparisons, comparisons, fit, left_out, sparse, write
from benchmarks.pair_quality.labels import (
    Floats,
    Labels,
    answers_of,
    build_labelled,
    draw,
    with_labels,
)
from benchmarks.pair_quality.own_answers import CORPUS, own_runs, sampled
from udasa_data.config import resolve
from udasa_data.pairing import EVIDENCE, UNKNOWN, UNLOGGED
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.models import Options
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import locate
from udasa_recipes.tiny.labelled import sentiment

# prompts of each corpus; beside those that are measured, of which the first three have no others
SIZES: Final = {
    "do_not_answer": 60,
    "xstest_safe": 60,
    "xstest_unsafe": 60,
    "truthfulqa": 80,
    "qa_feedback": 80,
    "alpaca_eval": 60,
}
HARM: Final = ("do_not_answer", "xstest_safe", "xstest_unsafe")
_QUESTIONS: Final = 400
_REVIEWS: Final = 600
_OPENING: Final = 60  # words of a review
_ALL, _NO_VALUE, _VALUE = (True, True, True), (True, True, False), (False, False, True)


class Fitted(NamedTuple):
    """The coefficients of a kind of prompt, [3]; how many prompts and which corpora they are of."""

    coefficients: Floats
    n: int
    corpora: tuple[str, ...]


class Made(NamedTuple):
    """Whose own answers are taken, what scores them, and where the runs are kept.

    Attributes:
        model: is asked, where there are no ``runs``.
        scorers: a set.
        scratch: folder.
        runs: finished builds of ``udasa-train evidence``, with these scorers.
    """

    model: str
    scorers: str
    scratch: Path
    runs: tuple[Path, ...] = ()


def fit_all(data: Path, made: Made, measured: Labels, out: Path) -> None:
    """Fit every kind of prompt anew, print how well it does on prompts left out, and write.

    Args:
        data: of the corpora.
        made: with which model and scorers; the model's own answers decide truthfulness.
        measured: prompts of the table, by text: fitted on where a corpus has no others.
        out: the folder of ``reliability.json``, and of ``reliability.yaml``, for ``--config``.
    """
    rows = [*draw(data, {name: SIZES[name] for name in HARM}), *spare_rows(data, measured)]
    labels = {row.prompt: row for row in rows}
    answers = with_labels(
        answers_of(build_labelled(rows, made.scratch / "fit", made.scorers)[1]), labels
    )
    given = {
        "harmlessness": (HARM, _ALL),
        "helpfulness": (("alpaca_eval",), _ALL),
        UNKNOWN: (("truthfulqa",), _ALL),
        EVIDENCE: (("qa_feedback",), _NO_VALUE),
    }
    fitted = {
        kind: _fitted(kind, comparisons(answers, labels, corpora), free, corpora)
        for kind, (corpora, free) in given.items()
    }
    own, unlogged, told = _own_answers(data, made)
    fitted["truthfulness"] = _fitted("truthfulness", own, _ALL, told)
    fitted[UNLOGGED] = _fitted(UNLOGGED, unlogged, _ALL, told)
    fitted["sentiment"] = _fitted("sentiment", _reviews(data, made.scorers), _VALUE, ("imdb",))
    write(out, fitted)


def spare_rows(data: Path, measured: Labels) -> list[Labelled]:
    """Return the prompts that are fitted on and not in the table."""
    spare = {name: size for name, size in SIZES.items() if name not in HARM}
    return draw(data, spare, skip=measured)


def _fitted(
    kind: str, found: Comparisons, free: tuple[bool, ...], corpora: tuple[str, ...]
) -> Fitted:
    # what evidence says of an answer counts, however little a corpus gains by it
    b, right = (
        (fit(found, free), left_out(found, free)) if kind == EVIDENCE else sparse(found, free)
    )
    n = len(set(found.prompt))
    print(f"{kind}: {b.round(2)} of {n} prompts; left out {right:.3f} right", flush=True)
    return Fitted(b, n, corpora)


def _own_answers(data: Path, made: Made) -> tuple[Comparisons, Comparisons, tuple[str, ...]]:
    """Return comparisons of policies' own answers, the same without log-probabilities, whose."""
    if made.runs:
        policies = [*own_runs(data, made.runs)]
    else:
        own = sampled(data, made.model, _QUESTIONS, made.scratch / "own", made.scorers)
        policies = [(Path(made.model).name, *own)]
    logged, bare = [], []
    for n, (_, answers, labels) in enumerate(policies):
        decided = [row for row in labels.values() if row.better]
        logged.append(comparisons(answers, labels, (CORPUS,)))
        run = build_labelled(decided, made.scratch / f"bare{n}", made.scorers)[1]
        unlogged = with_labels(answers_of(run), labels)
        bare.append(comparisons(unlogged, labels, (CORPUS,)))
    names = sorted({f"{CORPUS} of {name}" for name, *_ in policies})
    return _together(logged), _together(bare), tuple(names)


def _together(found: Sequence[Comparisons]) -> Comparisons:
    """Return the comparisons of several policies; a question asked of two counts for each."""
    prompts = [f"{n} {prompt}" for n, of in enumerate(found) for prompt in of.prompt]
    return Comparisons(np.concatenate([of.difference for of in found]), prompts)


def _reviews(data: Path, scorers: str) -> Comparisons:
    """Return openings of IMDb's test reviews: a positive one is better than a negative one."""
    config = resolve("tiny", {}, scorers=scorers)
    scorer = ValueScorer(config.sentiment, locate(config.sentiment), Options())
    films = sentiment(data, "test")
    rng = np.random.default_rng(1)
    drawn = [films[n] for n in rng.permutation(len(films))[:_REVIEWS]]
    openings = [TextPair(" ".join(row.first.split()[:_OPENING]), "") for row in drawn]
    rank = scorer(openings, no_progress).argsort().argsort() / len(drawn)
    positive = np.array([row.label == 1 for row in drawn])
    n = min(positive.sum(), (~positive).sum())
    difference = np.zeros((n, 3))
    difference[:, 2] = rng.permutation(rank[~positive])[:n] - rng.permutation(rank[positive])[:n]
    return Comparisons(difference, [str(row) for row in range(n)])
