"""Build pairs from labelled answers, count how many are right, print and record."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl

from benchmarks.pair_quality.asked import asked, by_question
from benchmarks.pair_quality.corpora import Labelled
from benchmarks.pair_quality.directions import MOST, direction_rows
from benchmarks.pair_quality.fitting import Made, fit_all, spare_rows
from benchmarks.pair_quality.labels import (
    Labels,
    answers_of,
    build_labelled,
    draw,
    extremes,
    judged,
    with_labels,
)
from benchmarks.paths import require_data
from benchmarks.report import write_results
from benchmarks.subjects import parser
from udasa_data.config import BuildConfig, Weights
from udasa_data.pairing import restage
from udasa_data.schema import CALIBRATED, Dimension, Stage
from udasa_eval.stats.rates import wilson

# prompts of each corpus: all of the few, and of the others as many as two cores score in 10 minutes
SIZES: Final = {
    "do_not_answer": 60,
    "xstest_safe": 60,
    "xstest_unsafe": 60,
    "truthfulqa": 100,
    "qa_feedback": 40,
    "alpaca_eval": 50,
}
# of the corpora that have more prompts than the table and the fits took
UNSEEN: Final = {"truthfulqa": 120, "qa_feedback": 60, "alpaca_eval": 60}
HEADER: Final = ("what", "corpus", "right", "95% interval", "decided", "kept", "of")


def row_of(what: str, corpus: str, pairs: pl.DataFrame, prompts: int) -> tuple[str, ...]:
    """Return a row: the share of decided pairs that are right, with its interval."""
    decided = pairs["right"].drop_nans()
    kept = (f"{len(pairs):,}", f"{prompts:,}")
    if decided.is_empty():
        return (what, corpus, "–", "–", "0", *kept)
    low, high = wilson(float(decided.sum()), len(decided))
    share = float(decided.to_numpy().mean())
    return (what, corpus, f"{share:.3f}", f"[{low:.3f}, {high:.3f}]", f"{len(decided):,}", *kept)


def rows_of(what: str, pairs: pl.DataFrame, answers: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    """Yield a row for all corpora together, and one for each."""
    prompts = dict(answers.group_by("corpus").agg(pl.col("prompt_id").n_unique()).iter_rows())
    yield row_of(what, "all", pairs, sum(prompts.values()))
    for corpus in SIZES:
        if corpus in prompts:
            yield row_of(what, corpus, pairs.filter(pl.col("corpus") == corpus), prompts[corpus])


def by_weights(
    answers: pl.DataFrame, config: BuildConfig, weights: Weights | None, labels: Labels
) -> pl.DataFrame:
    """Return the pairs of other weights, judged."""
    raw = answers.drop(set(CALIBRATED) - {"prompt_id", "sample_id"})
    restaged = restage(raw, msgspec.structs.replace(config, weights=weights))
    return judged(restaged.pairs, answers, labels)


def baselines(answers: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield what needs no pairing rules: chosen has the least of a score, rejected the most."""
    chance = np.random.default_rng(0).random(len(answers))
    yield "random", extremes(answers, pl.lit(pl.Series("chance", chance)))
    yield "longest", extremes(answers, -pl.col("n_tokens"))
    yield "shortest", extremes(answers, pl.col("n_tokens"))
    for d in Dimension:
        yield f"{d} alone", extremes(answers, pl.col(f"c_{d}"))
    equal = sum(pl.col(f"c_{d}").fill_nan(0.5) for d in Dimension)
    yield "equal weights, no rules", extremes(answers, pl.lit(0) + equal)


def conduct(pairs: pl.DataFrame, answers: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    """Yield shares of evasive and refusing answers among all, chosen and rejected ones."""
    sides = {"all answers": answers}
    for side in ("chosen", "rejected"):
        ids = pairs.select("prompt_id", pl.col(f"{side}_id").alias("sample_id"))
        sides[side] = answers.join(ids, on=["prompt_id", "sample_id"], how="semi")
    for corpus in SIZES:
        for side, table in sides.items():
            of_corpus = table.filter(pl.col("corpus") == corpus)
            if len(of_corpus):
                refusing = float(of_corpus["refusal"].cast(pl.Float64).to_numpy().mean())
                evasive = float(of_corpus["evasive"].cast(pl.Float64).to_numpy().mean())
                told = f"{refusing:.3f} refuse, {evasive:.3f} evade"
                yield (side, corpus, "–", told, "–", f"{len(of_corpus):,}", "–")


def table_of(
    answers: pl.DataFrame, pairs: pl.DataFrame, config: BuildConfig, labels: Labels
) -> list[tuple[str, ...]]:
    """Return all rows: what ships, its stages, other weights, what needs no rules, conduct."""
    table = [*rows_of("as shipped", pairs, answers)]
    prompts = answers["prompt_id"].n_unique()
    for stage in Stage:
        of_stage = pairs.filter(pl.col("stage") == stage.value)
        table.append(row_of(stage.value, "all", of_stage, prompts))
        p = of_stage["p_chosen_better"].to_numpy()
        said = f"{p.mean():.3f}" if len(p) else "–"
        table.append(("  P(chosen better), mean", "all", said, "–", f"{len(p):,}", "–", "–"))
    others = {"equal weights": Weights()}
    for left_out in Dimension:
        others[f"without {left_out}"] = Weights(**{str(d): float(d != left_out) for d in Dimension})
    for what, weights in others.items():
        table += rows_of(what, by_weights(answers, config, weights, labels), answers)
    for what, sides in baselines(answers):
        table += rows_of(what, judged(sides, answers, labels), answers)
    return [*table, *conduct(pairs, answers)]


def main() -> None:
    """Score the corpora, print and write the table; with --fit, the frozen weights."""
    options = parser("pair_quality")
    options.add_argument("--prompts", type=int, help="of each corpus, at most")
    options.add_argument("--fit", type=Path, metavar="DIR", help="write DIR/reliability.json")
    options.add_argument("--model", default="smollm-135m", help="whose own answers --fit takes")
    options.add_argument(
        "--own", type=Path, nargs="*", default=[], metavar="RUN", help="builds of evidence, for it"
    )
    options.add_argument("--asks", metavar="MODEL", help="a language model's rows as judge alone")
    options.add_argument("--unseen", action="store_true", help="prompts that no fit has seen")
    options.add_argument("--scorers", default="tiny", help="a set of udasa-data models")
    options.add_argument("--scratch", type=Path, help="keeps the runs; none: a temporary folder")
    arguments = options.parse_args()
    data = require_data()
    most = arguments.prompts or max(SIZES.values())
    rows = draw(data, {name: min(size, most) for name, size in SIZES.items()})
    with tempfile.TemporaryDirectory() as folder:
        scratch = arguments.scratch or Path(folder)
        scratch.mkdir(exist_ok=True)
        known = {row.prompt: row for row in rows}
        if arguments.fit:
            made = Made(arguments.model, arguments.scorers, scratch, tuple(arguments.own))
            fit_all(data, made, known, arguments.fit)
            return
        if arguments.asks:
            _, run = build_labelled(rows, scratch, arguments.scorers)
            measure_asked(arguments.asks, run, known)
            return
        parts = ["pair_quality", arguments.scorers.replace("tiny", ""), "unseen"]
        subject = "_".join(filter(None, parts if arguments.unseen else parts[:2]))
        directions: list[tuple[str, ...]] = []
        if arguments.unseen:
            fitted = {row.prompt for row in spare_rows(data, known)}
            rows = draw(data, UNSEEN, seed=7, skip={*known, *fitted})
        else:
            directions += direction_rows(data, arguments.scorers, arguments.prompts or MOST)
        measure(subject, build_labelled(rows, scratch, arguments.scorers), rows, directions)


def measure(
    subject: str,
    built: tuple[BuildConfig, Path],
    rows: Sequence[Labelled],
    directions: Sequence[tuple[str, ...]],
) -> None:
    """Judge, print and record."""
    config, run = built
    labels = {row.prompt: row for row in rows}
    answers = with_labels(answers_of(run), labels)
    pairs = judged(pl.read_parquet(run / "pairs.parquet"), answers, labels)
    table = [*table_of(answers, pairs, config, labels), *directions]
    shipped = {row[1]: row[2] for row in table if row[0] == "as shipped"}
    stages = {row[0]: row[2] for row in table if row[0] in set(Stage)}
    headline = {k: float(v) for k, v in {**shipped, **stages}.items() if v != "–"}
    write_results(subject, HEADER, table, headline)


def measure_asked(model: str, run: Path, labels: Labels) -> None:
    """Ask a model of every answer of a run; print and record what its extremes are worth."""
    answers = asked(model, with_labels(answers_of(run), labels))
    table: list[tuple[str, ...]] = []
    for what, pairs in by_question(answers, labels).items():
        table += rows_of(f"{what}, {Path(model).name}", pairs, answers)
    headline = {f"{row[0]}: {row[1]}": float(row[2]) for row in table if row[2] != "–"}
    write_results("pair_quality_asked", HEADER, table, headline)


if __name__ == "__main__":
    main()
