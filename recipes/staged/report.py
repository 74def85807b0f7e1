"""The stage × stage matrix as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .ledger import Record
from .measures import Cell, StageMeasures

_EPOCHS: Final = 5.0
_REFUSALS: Final = 0.1  # of fresh answers: a change that is told


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
    header += ["KL", "length", "distinct", "self-similar", "refuses", "kept"]
    rows = [["SFT", *("0 / –" for _ in names), *_fresh(start), "–"]]
    for stage in record.stages:
        if stage.measures is not None:
            figures = [_cell(stage.measures.cells.get(name)) for name in names]
            kept = "–" if stage.measures.kept is None else f"{stage.measures.kept:.2f}"
            rows.append([f"{stage.number} {stage.name}", *figures, *_fresh(stage.measures), kept])
    return header, rows


def _cell(cell: Cell | None) -> str:
    if cell is None:  # this stage was not measured
        return "–"
    margin, accuracy = f"{cell.margin:+.3f}", f"{cell.accuracy:.2f}"
    if cell.margin_within is not None:
        margin += " [{:+.3f}, {:+.3f}]".format(*cell.margin_within)
    if cell.accuracy_within is not None:
        accuracy += " [{:.2f}, {:.2f}]".format(*cell.accuracy_within)
    return f"{margin} / {accuracy}"


def many_epochs(name: str, steps: int, batch: int, rows: int) -> str | None:
    """Return a line where a stage goes through its pairs more often than teaches; else None."""
    epochs = steps * batch / rows
    if epochs <= _EPOCHS:
        return None
    return (
        f"{name}: {steps:,} steps of {batch:,} are {epochs:.0f} epochs of {rows:,} pairs: they "
        "will be learnt by heart; build from more prompts, or take fewer steps"
    )


def falling(before: StageMeasures, after: StageMeasures) -> list[str]:
    """Return a line for each held-out margin that is surely lower than before the stage."""
    lines = []
    for name, cell in after.cells.items() if before.cells else ():
        earlier, within = before.cells[name].margin, cell.margin_within
        if within is not None and within[1] < earlier:
            lines.append(
                f"the margin on {name}'s held-out pairs fell from {earlier:+.3f} to "
                f"{cell.margin:+.3f} [{within[0]:+.3f}, {within[1]:+.3f}]"
            )
    return lines


def refusing(start: StageMeasures, after: StageMeasures) -> list[str]:
    """Return a line where fresh answers refuse by a tenth more or less often than at the start.

    Pairs that teach to answer safe prompts can unteach to refuse harmful ones, though others of
    them say so (docs/evidence, study 2; Razin et al. 2024, arXiv 2410.08847).
    """
    shares = [of.fresh.refuses if of.fresh else None for of in (start, after)]
    if shares[0] is None or shares[1] is None or abs(shares[1] - shares[0]) < _REFUSALS:
        return []
    return [
        (
            f"{shares[1]:.2f} of the fresh answers refuse, of the SFT policy's {shares[0]:.2f}: "
            "see whether harmful prompts are still refused, and safe ones answered"
        )
    ]


def _fresh(measures: StageMeasures) -> list[str]:
    fresh = measures.fresh
    if fresh is None:
        return ["–"] * 5
    return [
        f"{fresh.kl:.2f}",
        f"{fresh.length:.1f}",
        f"{fresh.distinct:.2f}",
        f"{fresh.self_similarity:.2f}",
        "–" if fresh.refuses is None else f"{fresh.refuses:.2f}",
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
        "each cell: reward margin against SFT / accuracy, on that stage's held-out pairs, with 95% "
        "intervals over pairs; kept: of "
        "the trained change of log-probabilities, how much is in the saved weights"
    )
