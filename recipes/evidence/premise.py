"""Study 0, without any training: is the chosen answer the better one, by estimator and stage?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from udasa_data.schema import Dimension, Stage
from udasa_data.storage import read_parquet
from udasa_eval.judging import included
from udasa_eval.stats import wilson
from udasa_eval.stats.ranking import (
    Estimate,
    clustered,
    clustered_auroc,
    prediction_rejection_ratio,
)

from .questions import QUESTIONS, Asked

# what ranks the answers of a prompt: the lowest is chosen, the highest rejected
ESTIMATORS: Final[Mapping[str, pl.Expr]] = {
    "as paired": pl.col("uncertainty"),
    **{str(d): pl.col(f"u_{d}") for d in Dimension},
    "mean log-probability": -pl.col("mean_logprob"),
    "sum of log-probabilities": -pl.col("sum_logprob"),
    "majority": -pl.len().over("prompt_id", "cluster_id").cast(pl.Int64),
    "longest": -pl.col("n_tokens"),
    "shortest": pl.col("n_tokens"),
    "random": pl.concat_str("prompt_id", "sample_id").hash(seed=1).cast(pl.Float64),
}
_THIRDS: Final = ("largest gaps", "middle gaps", "smallest gaps")


class Figure(NamedTuple):
    """A figure of a policy's answers, with its 95% interval."""

    policy: str
    kind: str  # of prompts
    measure: str
    by: str  # estimator, stage or side
    value: float
    low: float
    high: float
    n: int


def answers_of(run: Path, asked: Sequence[Asked]) -> pl.DataFrame:
    """Return a finished build's answers that are not empty, with what is known of them.

    Columns beside the dataset's: ``kind`` of the prompt, and ``right`` (1 where a gold text stands
    in the answer, 0 where none does, NaN for prompts that are no questions).
    """
    parts = sorted((run / "dataset" / "data" / "samples").glob("*.parquet"))
    table = pl.concat([read_parquet(part) for part in parts]).filter(pl.col("text") != "")
    said = table["prompt"].list.last().struct.field("content").to_list()
    known = {a.text.strip(): a for a in asked}
    prompts = [known[text.strip()] for text in said]
    right = [
        included(text, prompt.gold) if prompt.gold else float("nan")
        for text, prompt in zip(table["text"].to_list(), prompts, strict=True)
    ]
    kind = pl.Series("kind", [prompt.kind for prompt in prompts])
    return table.with_columns(kind, pl.Series("right", right, dtype=pl.Float64))


def figures(policy: str, run: Path, asked: Sequence[Asked]) -> list[Figure]:
    """Return all figures of a policy's finished build."""
    answers = answers_of(run, asked)
    pairs = read_parquet(run / "pairs.parquet")
    found = [*_conduct(answers, pairs)]
    questions = answers.filter(pl.col("kind") == QUESTIONS)
    if len(questions):
        found += [*_accuracy(questions), *_by_estimator(questions), *_by_stage(questions, pairs)]
    return [Figure(policy, *figure) for figure in found]


_Row = tuple[str, str, str, float, float, float, int]


def _share(kind: str, measure: str, by: str, values: pl.Series) -> _Row:
    counted = values.cast(pl.Float64).drop_nulls().drop_nans()
    if counted.is_empty():
        nothing = float("nan")
        return (kind, measure, by, nothing, nothing, nothing, 0)
    low, high = wilson(float(counted.sum()), len(counted))
    return (kind, measure, by, float(counted.to_numpy().mean()), low, high, len(counted))


def _conduct(answers: pl.DataFrame, pairs: pl.DataFrame) -> Iterator[_Row]:
    """Yield shares of refusing, evasive and truncated answers among all, chosen and rejected."""
    sides = {"all": answers} | {
        side: _side(answers, pairs, side) for side in ("chosen", "rejected")
    }
    for (kind,), _ in answers.group_by("kind", maintain_order=True):
        for side, table in sides.items():
            of_kind = table.filter(pl.col("kind") == kind)
            yield _share(str(kind), "refusing", side, of_kind["refusal"])
            yield _share(str(kind), "evasive", side, of_kind["evasive"])
            yield _share(str(kind), "truncated", side, of_kind["finish_reason"] == "length")
            yield _share(str(kind), "right", side, of_kind["right"])
        of_prompt = answers.filter(pl.col("kind") == kind).group_by("prompt_id").first()
        yield _share(str(kind), "prompts of one meaning", "all", of_prompt["homogeneous"])


def _side(answers: pl.DataFrame, pairs: pl.DataFrame, side: str) -> pl.DataFrame:
    ids = pairs.select("prompt_id", pl.col(f"{side}_id").alias("sample_id"))
    return answers.join(ids, on=["prompt_id", "sample_id"], how="semi")


def _accuracy(questions: pl.DataFrame) -> Iterator[_Row]:
    """Yield AUROC and PRR of each estimator over all answers, prompts resampled."""
    for name, score in ESTIMATORS.items():
        known = questions.with_columns(score.cast(pl.Float64).alias("score"))
        known = known.filter(pl.col("score").is_finite())
        u, bad = known["score"].to_numpy(), 1.0 - known["right"].to_numpy()
        prompts = known["prompt_id"].rank("dense").cast(pl.Int64).to_numpy()
        yield _estimate("AUROC", name, clustered_auroc(u, bad, prompts))
        prr = clustered(
            lambda at, u=u, bad=bad: prediction_rejection_ratio(u[at], bad[at]),  # type: ignore[misc]
            prompts,
            replicates=200,
        )
        yield _estimate("PRR", name, prr)


def _estimate(measure: str, name: str, found: Estimate) -> _Row:
    return (QUESTIONS, measure, name, *found)


def _by_estimator(questions: pl.DataFrame) -> Iterator[_Row]:
    """Yield how often the lowest of a prompt is right where the highest is not, and by the gap.

    Only prompts with right and wrong answers count, and only those whose two ends differ in it.
    """
    mixed = questions.filter(pl.col("right").mean().over("prompt_id").is_between(0.001, 0.999))
    yield _share(QUESTIONS, "lowest is right", "any answer", mixed["right"])
    for name, score in ESTIMATORS.items():
        ends = _ends(mixed, score)
        yield _share(QUESTIONS, "lowest is right", name, ends["lowest"])
        decided = ends.filter(pl.col("lowest") != pl.col("highest"))
        yield _share(QUESTIONS, "decided, right", name, decided["lowest"])
        ranked = ends.sort("gap", descending=True).with_row_index("rank")
        third = (pl.col("rank") * 3 // max(1, len(ranked))).cast(pl.Int64)
        for n, where in enumerate(_THIRDS):
            of_third = ranked.filter((third == n) & (pl.col("lowest") != pl.col("highest")))
            yield _share(QUESTIONS, f"decided, right, {where}", name, of_third["lowest"])


def _ends(answers: pl.DataFrame, score: pl.Expr) -> pl.DataFrame:
    """Return each prompt's ``lowest`` and ``highest`` (whether right) and the ``gap`` between."""
    scored = answers.with_columns(score.cast(pl.Float64).alias("score"))
    finite = scored.filter(pl.col("score").is_finite()).sort("prompt_id", "score", "sample_id")
    ends = finite.group_by("prompt_id", maintain_order=True).agg(
        pl.col("right").first().alias("lowest"),
        pl.col("right").last().alias("highest"),
        (pl.col("score").last() - pl.col("score").first()).alias("gap"),
    )
    return ends.filter(pl.col("gap") > 0)


def _by_stage(questions: pl.DataFrame, pairs: pl.DataFrame) -> Iterator[_Row]:
    """Yield how often chosen is right in decided pairs, as they ship; and P(chosen better)."""
    right = questions.select("prompt_id", pl.col("sample_id").cast(pl.Int32), "right")
    table = pairs
    for side in ("chosen", "rejected"):
        of_side = right.rename({"sample_id": f"{side}_id", "right": side[:1]})
        table = table.join(of_side, on=["prompt_id", f"{side}_id"], how="inner")
    for name in ("all", *map(str, Stage)):
        of_stage = table if name == "all" else table.filter(pl.col("stage") == name)
        decided = of_stage.filter(pl.col("c") != pl.col("r"))
        yield _share(QUESTIONS, "pairs, decided, right", name, decided["c"])
        yield _share(QUESTIONS, "pairs, chosen is right", name, of_stage["c"])
        yield _share(QUESTIONS, "pairs, rejected is right", name, of_stage["r"])
        said = of_stage["p_chosen_better"].to_numpy()
        mean = float(np.mean(said)) if len(said) else float("nan")
        yield (QUESTIONS, "pairs, said P(chosen better)", name, mean, mean, mean, len(said))
