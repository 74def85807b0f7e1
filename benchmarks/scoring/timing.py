"""Our scorer, the seconds that both sides take, and the line of the table that they make."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.config.build import ModelRef, Precision
from udasa_data.scorers.cache import ScoreCache
from udasa_data.scorers.models import Options, resolve_precision
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import Entailment, Floats, TextPair, no_progress
from udasa_data.storage.model_files import locate

NLI: Final = Path(str(files("udasa_data").joinpath("tiny", "nli")))


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
    scores = nli(pairs, no_progress)
    return time.perf_counter() - started, scores


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
