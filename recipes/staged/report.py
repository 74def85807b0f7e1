"""The stage × stage matrix as text."""

from __future__ import annotations

from collections.abc import Sequence

from .ledger import Record
from .measures import StageMeasures


def matrix_rows(record: Record) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: one row a policy, one column a stage's held-out pairs.

    A cell is the reward margin against SFT and the accuracy; the SFT policy's own margin is 0 by
    definition, and it has no accuracy. The last column is how much of what was learnt the saved
    weights keep.
    """
    start = record.start
    assert start is not None
    names = list(start.cells)
    header = ["policy after", *(f"{name} (n={start.cells[name].n})" for name in names)]
    header += ["KL", "length", "distinct", "self-similar", "kept"]
    rows = [["SFT", *("0 / –" for _ in names), *_fresh(start), "–"]]
    for stage in record.stages:
        if stage.measures is not None:
            cells = [stage.measures.cells[name] for name in names]
            figures = [f"{cell.margin:+.3f} / {cell.accuracy:.2f}" for cell in cells]
            kept = "–" if stage.measures.kept is None else f"{stage.measures.kept:.2f}"
            rows.append([f"{stage.number} {stage.name}", *figures, *_fresh(stage.measures), kept])
    return header, rows


def _fresh(measures: StageMeasures) -> list[str]:
    fresh = measures.fresh
    if fresh is None:
        return ["–"] * 4
    return [
        f"{fresh.kl:.2f}",
        f"{fresh.length:.1f}",
        f"{fresh.distinct:.2f}",
        f"{fresh.self_similarity:.2f}",
    ]


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as text: the first column to the left, figures to the right."""
    widths = [max(len(row[n]) for row in [header, *rows]) for n in range(len(header))]
    lines = []
    for row in [header, *rows]:
        first = row[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join([first, *rest]))
    return "\n".join(lines)


def matrix(record: Record) -> str:
    """Return the matrix as an aligned table, with a line that says how to read it."""
    header, rows = matrix_rows(record)
    return (
        f"{aligned(header, rows)}\n"
        "each cell: reward margin against SFT / accuracy, on that stage's held-out pairs; kept: of "
        "the trained change of log-probabilities, how much is in the saved weights"
    )
