"""The pair corpora: which of two answers people prefer, and which one each score prefers.

Two answers have no agreement, so that only what reads one answer at a time is measured: the value
scorers, alone and together, and the classifier of popular errors; beside them the longer answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from benchmarks.pair_quality.labels import Floats
from udasa_data.config import resolve
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.loading import Unread, load_scorers
from udasa_data.storage import locate
from udasa_data.uncertainty import value
from udasa_eval.stats.rates import wilson
from udasa_recipes.tiny.helped import autoj, decided, pandalm
from udasa_recipes.tiny.labelled import measured
from udasa_recipes.tiny.sources import Preferred, held_out, hh_pairs
from udasa_recipes.tiny.wording_measures import ALIKE

MOST: Final = 300  # pairs of a corpus
_ANSWER: Final = "## Assistant:"  # where WebGPT's texts begin to answer


def hh(subset: str) -> Callable[[Path], Iterable[Preferred]]:
    """Return HH-RLHF's pairs whose prompts no scorer learnt from."""

    def pairs(data: Path) -> Iterable[Preferred]:
        return [pair for pair in hh_pairs(data, subset) if held_out(pair.prompt, 0.2)]

    return pairs


def webgpt(data: Path) -> Iterator[Preferred]:
    """Answers with references to questions of ELI5, by people's grades."""
    rows = pl.read_parquet(data / "webgpt_comparisons/webgpt_comparisons.parquet")
    for row in rows.iter_rows(named=True):
        first, second = (row[f"text_{n}"].rpartition(_ANSWER)[2] for n in (1, 2))
        yield from decided(row["question"], first, second, row["score_1"] - row["score_2"])


def llmbar(data: Path) -> Iterator[Preferred]:
    """Answers that follow an instruction, and others that only look better."""
    for row in pl.read_parquet(data / "llmbar/llmbar.parquet").iter_rows(named=True):
        sign = 1.0 if int(row["label"]) == 1 else -1.0
        yield from decided(row["input"], row["output_1"], row["output_2"], sign)


def hhh(data: Path) -> Iterator[Preferred]:
    """Helpful, honest and harmless answers, and worse ones."""
    for row in pl.read_parquet(data / "hhh_alignment/hhh_alignment.parquet").iter_rows(named=True):
        yield Preferred(row["instruction"], row["chosen"], row["rejected"])


def judgebench(data: Path) -> Iterator[Preferred]:
    """Right and wrong answers of large models to hard questions."""
    for row in pl.read_parquet(data / "judgebench/judgebench.parquet").iter_rows(named=True):
        sign = 1.0 if row["label"] == "A>B" else -1.0
        yield from decided(row["question"], row["response_A"], row["response_B"], sign)


CORPORA: Final[Mapping[str, Callable[[Path], Iterable[Preferred]]]] = {
    "hh_harmless": hh("harmless"),
    "hh_helpful": hh("helpful"),
    "hhh": hhh,
    "pandalm": lambda data: [p for p in pandalm(data) if measured(p.prompt)],
    "webgpt": webgpt,
    "autoj": lambda data: [p for p in autoj(data) if measured(p.prompt)],
    "llmbar": llmbar,
    "judgebench": judgebench,
}


def direction_rows(data: Path, name: str, most: int = MOST) -> Iterator[tuple[str, ...]]:
    """Yield a row a corpus and score of a scorer set: how often the preferred answer has less."""
    config = resolve("tiny", {}, scorers=name)
    models = {ref.id: locate(ref) for ref in config.scorer_refs}
    scorers = load_scorers(config, models, "auto", Unread())
    for corpus, load in CORPORA.items():
        pairs = list(load(data))
        drawn = np.random.default_rng(0).permutation(len(pairs))[:most]
        pairs = [pairs[n] for n in sorted(drawn.tolist())]
        texts = [TextPair(p.prompt, text) for p in pairs for text in (p.chosen, p.rejected)]
        by_scorer = {scorer.name: scorer(texts, no_progress) for scorer in scorers.value}
        axis = "harmlessness" if corpus == "hh_harmless" else "helpfulness"
        risks = [p for name, p in by_scorer.items() if axis in scorers.axes.get(name, (axis,))]
        scores = {"u_value": value.risk_and_disagreement(np.column_stack(risks)), **by_scorer}
        length = np.array([float(len(text.second)) for text in texts])
        scores["shorter"] = length
        sides = length.reshape(-1, 2)
        alike = sides.max(axis=1) <= ALIKE * sides.min(axis=1)
        for what, score in scores.items():
            yield _row(what, corpus, score, np.ones(len(pairs), dtype=bool))
            yield _row(f"{what}, lengths alike", corpus, score, alike)


def _row(name: str, corpus: str, score: Floats, kept: np.ndarray) -> tuple[str, ...]:
    sides = score.reshape(-1, 2)[kept]
    lower, higher = (sides[:, 0] < sides[:, 1]).sum(), (sides[:, 0] > sides[:, 1]).sum()
    n = int(lower + higher)
    if not n:
        return (name, corpus, "–", "–", "0", "–", f"{len(sides):,}")
    low, high = wilson(float(lower), n)
    share = f"{lower / n:.3f}"
    return (name, corpus, share, f"[{low:.3f}, {high:.3f}]", f"{n:,}", "–", f"{len(sides):,}")
