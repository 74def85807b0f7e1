"""Which numbers of a column are shown as best: those that a paired comparison cannot tell apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from udasa_eval.results import Direction, Paired, Run, pair_of, verdicts
from udasa_eval.stats import REPLICATES

ColumnKey = tuple[str, str]  # task, metric


def best_of(
    runs: Sequence[Run],
    columns: Mapping[ColumnKey, Direction],
    alike: Callable[[Run, Run, ColumnKey], bool],
) -> dict[ColumnKey, frozenset[str]]:
    """Return the labels of each column's best runs; none where no run is found worse than another.

    The run with the best value is compared with each other run of its column, as ``compare`` does:
    paired by prompt, all of the table corrected together (Holm). Best are the run itself and those
    that were compared and not found worse, if any was. A run alone in a column is no winner.

    Args:
        runs: of the table.
        columns: which way is better, by column.
        alike: whether two runs were made alike in a column; others are not compared.
    """
    paired: list[Paired] = []
    of_pair: list[ColumnKey] = []
    for key, direction in columns.items():
        ranked = _by_value(runs, key, direction)
        for first, other in zip(ranked[:1] * len(ranked), ranked[1:], strict=False):
            if alike(first, other, key):
                pair = pair_of(first, other, *key)
                paired.append(pair._replace(blank=replace(pair.blank, headline=True)))
                of_pair.append(key)
    best: dict[ColumnKey, set[str]] = {}
    found: dict[ColumnKey, bool] = {}
    for key, verdict in zip(of_pair, verdicts(paired, seed=0, replicates=REPLICATES), strict=True):
        is_worse = verdict.better == verdict.a
        found[key] = found.get(key, False) or is_worse
        best.setdefault(key, {verdict.a}).update([] if is_worse else [verdict.b])
    return {key: frozenset(best[key]) if found.get(key) else frozenset() for key in columns}


def _by_value(runs: Sequence[Run], key: ColumnKey, direction: Direction) -> list[Run]:
    """Return the runs that have a value of a column, best first."""
    values = {
        run.label: metric.value
        for run in runs
        if (metric := run.metric(*key)) is not None and metric.value is not None
    }
    having = [run for run in runs if run.label in values]
    return sorted(having, key=lambda run: values[run.label], reverse=direction == "higher")
