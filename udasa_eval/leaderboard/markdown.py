"""The leaderboard as Markdown, and its cells as text."""

from __future__ import annotations

from collections.abc import Sequence

from udasa_eval.leaderboard.building import Cell, Column, Leaderboard, Row
from udasa_eval.leaderboard.marks import MEANINGS, SIGNS, Mark
from udasa_eval.results import ARROWS, MetricRecord


def header(board: Leaderboard) -> list[str]:
    """Return the head of each column of the table."""
    return ["model", *(head_of(column) for column in board.columns)]


def cells(board: Leaderboard) -> list[list[str]]:
    """Return the rows of the table as text."""
    return [[name_of(row), *(text_of(cell) for cell in row.cells)] for row in board.rows]


def head_of(column: Column) -> str:
    """Return a column's head: task, metric, which way is better, marks."""
    return f"{column.task} {column.metric} {ARROWS[column.direction]}{signs(column.marks)}"


def name_of(row: Row) -> str:
    """Return a run's name with its marks."""
    return f"{row.label}{signs(row.marks)}"


def text_of(cell: Cell | None) -> str:
    """Return ``0.123 [0.100, 0.150]``, with unscored prompts and marks; a dash for nothing."""
    if cell is None:
        return "–"
    metric = cell.metric
    interval = f" {bounds}" if (bounds := interval_of(metric)) else ""
    left = f" ({missing})" if (missing := missing_of(cell)) else ""
    return f"{metric.value:.3f}{interval}{left}{signs(cell.marks)}"


def missing_of(cell: Cell) -> str:
    """Return ``2 unscored, 3 cut``: prompts without a value, answers at the limit of tokens."""
    counts = ((cell.metric.unscored, "unscored"), (cell.truncated, "cut"))
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def interval_of(metric: MetricRecord) -> str:
    """Return ``[0.100, 0.150]``, empty for a metric without an interval."""
    if metric.low is None or metric.high is None:
        return ""
    return f"[{metric.low:.3f}, {metric.high:.3f}]"


def signs(marks: Sequence[Mark]) -> str:
    """Return the signs of marks, each once."""
    return "".join(dict.fromkeys(mark.sign for mark in marks))


def notes(board: Leaderboard) -> list[str]:
    """Return a line for each mark, and how rows are ordered."""
    lines = [f"{mark.sign} {about}: {mark.text}" for about, mark in board.marks()]
    cells_shown = [cell for row in board.rows for cell in row.cells if cell is not None]
    if any(cell.best for cell in cells_shown):
        lines.append(
            "Bold: no run of the column is found better by a paired comparison of the two "
            "(corrected for the whole table), and at least one is found worse."
        )
    else:
        lines.append("Nothing is bold: no run is found better than another (udasa-eval compare).")
    if any(cell.truncated for cell in cells_shown):
        lines.append("cut: answers that ended at the limit of tokens.")
    return [*lines, "Rows are sorted by their mean rank over the columns they have."]


def to_markdown(board: Leaderboard) -> str:
    """Return the table and its notes."""
    rows = [[_escaped(cell) for cell in row] for row in (header(board), *cells(board))]
    for shown, row in zip(rows[1:], board.rows, strict=True):
        for number, cell in enumerate(row.cells, 1):
            if cell is not None and cell.best:
                shown[number] = f"**{shown[number]}**"
    rows.insert(1, ["---"] * (len(board.columns) + 1))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    used = {mark.kind for _, mark in board.marks()}
    legend = [f"- {SIGNS[kind]} {meaning}" for kind, meaning in MEANINGS.items() if kind in used]
    body = [f"- {_escaped(note)}" for note in notes(board)]
    text = ["95% intervals over prompts. ↑ higher is better, ↓ lower is better.", ""]
    return "\n".join([*text, *lines, "", *legend, *body, ""])


def _escaped(text: str) -> str:
    """Return text that a Markdown table shows as it is."""
    flat = " ".join(text.split())
    for mark in "\\`|*_[]<>":
        flat = flat.replace(mark, f"\\{mark}")
    return flat
