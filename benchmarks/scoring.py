"""How fast text pairs are scored, against the peers' own code: same weights, texts and cores.

python benchmarks/scoring.py [--prompts N] [--rounds N]

The two sides take turns, so that a change in the machine's speed meets both; medians are told.
Texts are ten models' answers to those alpaca_eval prompts (112 of 805) where two of them always fit
the model's window: the shorter ones, which flatters us: on long texts arithmetic is the limit.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent / "scoring_parts"))

from environment import Peer
from report import write_results
from shapes import ENCODERS, save_by_lot
from texts import answers, between, one_by_one
from transformers import AutoModelForSequenceClassification

from udasa_data.config.build import ModelRef, Precision
from udasa_data.scorers.cache import ScoreCache
from udasa_data.scorers.models import Options, resolve_precision
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import Entailment, Floats, TextPair, no_progress
from udasa_data.scorers.texts import sentences
from udasa_data.storage.model_files import locate

NLI: Final = Path(str(files("udasa_data").joinpath("tiny", "nli")))
LAYERS: Final = 4  # of a large encoder's 24
HEADER: Final = (
    "what",
    "pairs",
    "pairs/s",
    "peer's pairs/s",
    "ratio",
    "target",
    "max|Δp|",
    "mean|Δp|",
)


class Row(NamedTuple):
    """A line of the table, with the ratio that it ends in."""

    name: str
    cells: tuple[str, ...]
    ratio: float


def scorer(precision: Precision = "float32", cache: ScoreCache | None = None) -> NliScorer:
    """Return the embedded NLI model as a run uses it."""
    return NliScorer(locate(ModelRef(id=str(NLI))), Options(precision=precision, cache=cache))


def timed(nli: NliScorer, pairs: Sequence[TextPair]) -> tuple[float, Entailment]:
    """Return the seconds that a call takes, and what it finds."""
    started = time.perf_counter()
    found = nli(pairs, no_progress)
    return time.perf_counter() - started, found


def in_turn(rounds: int, sides: Sequence[Callable[[], float]]) -> list[float]:
    """Return the median seconds of each side, run in turn."""
    times = [[side() for side in sides] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def row(
    name: str,
    n: int,
    ours: float,
    theirs: float,
    target: str,
    deltas: Floats | None = None,
) -> Row:
    """Return a line of the table from the seconds of both sides."""
    off = ("", "") if deltas is None else (f"{deltas.max():.1e}", f"{deltas.mean():.1e}")
    ratio = theirs / ours
    print(f"{name}: {ratio:.2f}", file=sys.stderr, flush=True)
    speeds = (f"{n / ours:,.1f}", f"{n / theirs:,.1f}")
    return Row(name, (name.replace("_", " "), str(n), *speeds, f"{ratio:.2f}", target, *off), ratio)


def modes() -> dict[Precision, list[str]]:
    """Return the precisions to time, with the names of the modes that each stands for."""
    names: dict[Precision, list[str]] = {"float32": ["float32"]}
    names.setdefault(resolve_precision("auto"), []).append("fastest")
    return names


def all_pairs(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time the K·(K−1) entailments of each prompt against lm-polygraph's semantic matrix."""
    pairs = [pair for texts in prompts for pair in between(texts)]
    exact = one_by_one(NLI, pairs).p
    rows = []
    with Peer("lm-polygraph==0.7.0", "lm_polygraph_matrix.py", NLI) as peer:
        theirs = np.array(peer.ask(prompts[:1])["scores"])  # warms both sides up
        assert np.allclose(theirs[0, 0][~np.eye(10, dtype=bool)], exact[:90, 0], atol=1e-4)
        for precision, names in modes().items():
            nli = scorer(precision)
            found = nli(pairs, no_progress)
            off = np.abs(np.stack([found.entail, found.contradict], axis=1) - exact)
            ours, other = in_turn(
                rounds,
                [
                    lambda nli=nli: timed(nli, pairs)[0],  # type: ignore[misc]
                    lambda: float(peer.ask(prompts)["seconds"]),
                ],
            )
            for mode in names:
                target = "≥ 1.15" if mode == "float32" else "≥ 2"
                rows.append(row(f"all_pairs_{mode}", len(pairs), ours, other, target, off))
    return rows


def self_check(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time one answer's sentences against the nine others, against SelfCheckNLI's loop."""
    jobs = [(sentences(texts[0]), texts[1:]) for texts in prompts]
    pairs = [TextPair(s, passage) for said, passages in jobs for s in said for passage in passages]
    rows = []
    with Peer("selfcheckgpt==0.1.7", "selfcheck_loop.py", NLI) as peer:
        expected = np.concatenate(peer.ask(jobs)["scores"])  # its loop is the batch-1 reference
        for precision, names in modes().items():
            nli = scorer(precision)
            found = nli(pairs, no_progress)
            inconsistent = found.contradict / (found.entail + found.contradict)
            off = np.abs(inconsistent.reshape(-1, len(prompts[0]) - 1).mean(axis=1) - expected)
            ours, other = in_turn(
                rounds,
                [
                    lambda nli=nli: timed(nli, pairs)[0],  # type: ignore[misc]
                    lambda: float(peer.ask(jobs)["seconds"]),
                ],
            )
            rows += [row(f"sentences_{m}", len(pairs), ours, other, "≥ 2", off) for m in names]
    return rows


def warm_cache(prompts: list[list[str]]) -> Row:
    """Time the same pairs twice with a score cache."""
    pairs = [pair for texts in prompts for pair in between(texts)]
    with tempfile.TemporaryDirectory() as folder:
        cache = ScoreCache(Path(folder) / "scores.sqlite")
        cold, first = timed(scorer("auto", cache), pairs)
        nli = scorer("auto", cache)
        warm, second = min((timed(nli, pairs) for _ in range(3)), key=lambda run: run[0])
    off = np.abs(first.entail - second.entail)
    return row("warm_cache", len(pairs), warm, cold, "≥ 50", off)


def duplicates(prompts: list[list[str]], rounds: int) -> Row:
    """Time ten answers of which three repeat others, against scoring each as if it were new.

    Seven distinct answers make 7·6 = 42 ordered pairs, ten make 10·9 = 90: up to 2.1 times faster.
    Trailing blanks, which the tokenizer drops, make a repeated text new to us and the same to it.
    """
    repeated = [[*texts[:7], *texts[:3]] for texts in prompts]
    blank = [[text + " " * (n // 7) for n, text in enumerate(texts)] for texts in repeated]
    mine, all_of_them = (
        [p for texts in side for p in between(texts)] for side in (repeated, blank)
    )
    nli = scorer("auto")
    ours, other = in_turn(rounds, [lambda: timed(nli, mine)[0], lambda: timed(nli, all_of_them)[0]])
    return row("duplicates", len(all_of_them), ours, other, "≥ 1.6")


def large_encoder(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time a part of a DeBERTa-v3-large, weights by lot, against transformers' own attention.

    Both run in our core, on the first two prompts' pairs.
    """
    pairs = [pair for texts in prompts[:2] for pair in between(texts)]
    config = copy.deepcopy(ENCODERS["deberta_v3_large"])
    config.num_hidden_layers = LAYERS
    rows = []
    with tempfile.TemporaryDirectory() as name:
        save_by_lot(config, NLI, Path(name))
        for precision, names in modes().items():
            nli, gathers = (
                NliScorer(locate(ModelRef(id=name)), Options(precision=precision)) for _ in range(2)
            )
            plain = AutoModelForSequenceClassification.from_pretrained(
                name, dtype=getattr(torch, precision)
            )
            gathers._loaded = gathers._loaded._replace(model=plain.eval())  # noqa: SLF001
            off = np.abs(nli(pairs, no_progress).entail - gathers(pairs, no_progress).entail)
            sides = [lambda side=side: timed(side, pairs)[0] for side in (nli, gathers)]
            ours, other = in_turn(rounds, sides)
            rows += [row(f"deberta_{mode}", len(pairs), ours, other, "> 1", off) for mode in names]
    return rows


def main() -> None:
    """Print the table and the ratios."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--prompts", type=int, default=6, help="of ten answers each")
    options.add_argument("--rounds", type=int, default=3, help="times that each side is run")
    given = options.parse_args()
    prompts = answers(given.prompts)
    print(f"fastest mode here: {resolve_precision('auto')}; {torch.get_num_threads()} threads")
    rows = [
        *all_pairs(prompts, given.rounds),
        warm_cache(prompts),
        duplicates(prompts, given.rounds),
        *self_check(prompts, given.rounds),
        *large_encoder(prompts, given.rounds),
    ]
    table = [one.cells for one in rows]
    ratios = {one.name: one.ratio for one in rows}
    write_results("scoring", HEADER, table, ratios)


if __name__ == "__main__":
    main()
