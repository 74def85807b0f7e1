"""The leaderboard as one HTML page: style, script and figures are inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from typing import Final

from udasa_data.schema import Axis
from udasa_eval.leaderboard.building import Cell, Column, Leaderboard, Row
from udasa_eval.leaderboard.markdown import interval_of, missing_of, notes
from udasa_eval.leaderboard.marks import MEANINGS, SIGNS, Mark
from udasa_eval.pages import document, table
from udasa_eval.results import ARROWS, CategoryRate

_BAR: Final = 120  # pixels of an interval in a cell
_STRIP: Final = 220  # pixels of an interval in an axis' figure
_LABEL: Final = 250  # pixels for a run's name in it
_STEP: Final = 18  # pixels a run
_NAME: Final = 36  # characters of a run's name in a figure

_READ: Final = (
    "Each number with its 95% interval over prompts. ↑ higher is better, ↓ lower is better. "
    "Click a column head to sort."
)

# label of a run and a task → where its samples are, None where there are none
Links = Callable[[str, str], str | None]


def page(board: Leaderboard, links: Links) -> str:
    """Return the page.

    Args:
        board: the table.
        links: to the samples behind a run's number, relative to the page.
    """
    spans = [_span([row.cells[n] for row in board.rows]) for n in range(len(board.columns))]
    body = "\n".join(
        [
            "<h1>Leaderboard</h1>",
            f'<p class="faint">{len(board.rows)} runs. {_READ}</p>',
            '<div class="wide"><table class="sortable">',
            _head(board.columns),
            "<tbody>",
            *(_row(row, board.columns, spans, links) for row in board.rows),
            "</tbody></table></div>",
            _legend(board),
            "<h2>By axis</h2>",
            '<div class="axes">',
            *(_figure(board, axis, spans) for axis in Axis if _columns_of(board, axis)),
            "</div>",
            _categories(board),
            "<h2>How the runs were made</h2>",
            _runs(board),
        ]
    )
    return document("UDASA leaderboard", body, script=_asset("page.js"))


def _asset(name: str) -> str:
    return files("udasa_eval.leaderboard").joinpath(name).read_text(encoding="utf-8")


def _head(columns: Sequence[Column]) -> str:
    cells = ['<th data-kind="text" data-first="ascending"><button>model</button></th>']
    for column in columns:
        first = "descending" if column.direction == "higher" else "ascending"
        cells.append(
            f'<th data-kind="number" data-first="{first}"><button>'
            f'<span class="small">{escape(column.axis)}</span>'
            f'<span class="task">{escape(column.task)}</span>{_marks(column.marks)}'
            f'<span class="small">{escape(column.metric)} {ARROWS[column.direction]}</span>'
            "</button></th>"
        )
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _row(
    row: Row,
    columns: Sequence[Column],
    spans: Sequence[tuple[float, float]],
    links: Links,
) -> str:
    revision = row.results.model.revision or row.results.model.fingerprint
    name = f"{escape(row.label)}{_marks(row.marks)}"
    pinned = f'<span class="small">{escape(revision[:19])}</span>'
    cells = [f'<th scope="row" data-sort="{escape(row.label)}">{name}{pinned}</th>']
    for column, cell, span in zip(columns, row.cells, spans, strict=True):
        cells.append(_cell(cell, span, links(row.label, column.task)))
    return f"<tr>{''.join(cells)}</tr>"


def _cell(cell: Cell | None, span: tuple[float, float], link: str | None) -> str:
    if cell is None:
        return '<td data-sort=""><span class="faint">–</span></td>'
    metric = cell.metric
    shown = f"{metric.value:.3f}"
    if link is not None:
        shown = f'<a href="{escape(link)}">{shown}</a>'
    missing = f", {left}" if (left := missing_of(cell)) else ""
    best = ' class="best"' if cell.best else ""
    return (
        f'<td{best} data-sort="{metric.value}">'
        f'<span class="value">{shown}</span>{_marks(cell.marks)}'
        f'<span class="small">{interval_of(metric)}</span>'
        f'<span class="small">n {metric.n}{missing}</span>'
        f"{_bar(cell, span)}</td>"
    )


def _bar(cell: Cell, span: tuple[float, float]) -> str:
    return (
        f'<svg width="{_BAR}" height="10" role="img" aria-label="95% interval">'
        f'<line class="range" x1="0" x2="{_BAR}" y1="5" y2="5"/>'
        f"{_drawn(cell, span, _BAR, 0, 5)}</svg>"
    )


def _drawn(cell: Cell, span: tuple[float, float], width: int, left: float, y: float) -> str:
    """Return the dot of a value and the line of its interval."""

    def x(value: float) -> float:
        low, high = span
        return left + (width * (value - low) / (high - low) if high > low else width / 2)

    value, ends = cell.metric.value, (cell.metric.low, cell.metric.high)
    assert value is not None
    dot = f'<circle class="dot" cx="{x(value):.1f}" cy="{y}" r="3.5"/>'
    if ends[0] is None or ends[1] is None:
        return dot
    x1, x2 = x(ends[0]), x(ends[1])
    return f'<line class="interval" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y}" y2="{y}"/>{dot}'


def _span(cells: Sequence[Cell | None]) -> tuple[float, float]:
    """Return what a column's intervals reach over: 0 to 1 where all are within, else their ends."""
    ends = [
        end
        for cell in cells
        if cell is not None
        for end in (cell.metric.low, cell.metric.value, cell.metric.high)
        if end is not None
    ]
    if not ends or (min(ends) >= 0 and max(ends) <= 1):
        return 0.0, 1.0
    return min(ends), max(ends)


def _columns_of(board: Leaderboard, axis: Axis) -> list[int]:
    return [n for n, column in enumerate(board.columns) if column.axis == axis]


def _figure(board: Leaderboard, axis: Axis, spans: Sequence[tuple[float, float]]) -> str:
    """Return an axis: for each of its columns a strip, for each run a dot with its interval."""
    parts, y = [], 0
    width = _LABEL + _STRIP + 70
    for n in _columns_of(board, axis):
        column, (low, high) = board.columns[n], spans[n]
        head = f"{column.task}, {column.metric} {ARROWS[column.direction]}"
        parts.append(f'<text x="0" y="{y + 14}" class="faint">{escape(head)}</text>')
        y += _STEP + 2
        for row in board.rows:
            cell = row.cells[n]
            centre = y + _STEP / 2
            name = row.label if len(row.label) <= _NAME else f"{row.label[: _NAME - 1]}…"
            parts.append(f'<text x="0" y="{centre + 4}">{escape(name)}</text>')
            parts.append(
                f'<line class="range" x1="{_LABEL}" x2="{_LABEL + _STRIP}" '
                f'y1="{centre}" y2="{centre}"/>'
            )
            if cell is not None:
                parts.append(_drawn(cell, spans[n], _STRIP, _LABEL, centre))
                right = _LABEL + _STRIP + 12
                parts.append(f'<text x="{right}" y="{centre + 4}">{cell.metric.value:.3f}</text>')
            y += _STEP
        ends = ((_LABEL, "start", low), (_LABEL + _STRIP, "end", high))
        parts += [
            f'<text x="{x}" y="{y + 12}" text-anchor="{anchor}" class="faint">{end:.2f}</text>'
            for x, anchor, end in ends
        ]
        y += _STEP + 10
    figure = (
        f'<svg width="{width}" height="{y}" role="img" aria-label="{axis}">{"".join(parts)}</svg>'
    )
    return f"<figure><figcaption>{escape(axis)}</figcaption>{figure}</figure>"


def _legend(board: Leaderboard) -> str:
    used = {mark.kind for _, mark in board.marks()}
    lines = [
        f'<span class="mark">{SIGNS[kind]}</span> {escape(meaning)}'
        for kind, meaning in MEANINGS.items()
        if kind in used
    ]
    lines += [escape(note) for note in notes(board)]
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _categories(board: Leaderboard) -> str:
    """Return a table for each column whose prompts have categories, closed at first."""
    parts = []
    for n, column in enumerate(board.columns):
        of_runs = [
            {rate.category: rate for rate in cell.categories} if cell else {}
            for cell in (row.cells[n] for row in board.rows)
        ]
        names = sorted({name for of_run in of_runs for name in of_run})
        if not names:
            continue
        rows = [(name, *(_rate(of_run.get(name)) for of_run in of_runs)) for name in names]
        head = f"{column.task}, {column.metric} {ARROWS[column.direction]}"
        shown = table(("category", *(row.label for row in board.rows)), rows)
        parts.append(f"<details><summary>{escape(head)}</summary>{shown}</details>")
    return "\n".join(["<h2>By category</h2>", *parts]) if parts else ""


def _rate(rate: CategoryRate | None) -> str:
    """Return ``0.123 [0.100, 0.150], n 40``; a dash for none."""
    if rate is None:
        return "–"
    known = rate.low is not None and rate.high is not None
    interval = f" [{rate.low:.3f}, {rate.high:.3f}]" if known else ""
    return f"{rate.value:.3f}{interval}, n {rate.n}"


def _runs(board: Leaderboard) -> str:
    """Return a table of what was set, one row a run."""
    header = ("model", "revision or fingerprint", "suite", "judges", "lm-eval", "configuration")
    rows = [
        (
            row.label,
            row.results.model.revision or row.results.model.fingerprint,
            row.results.suite,
            "; ".join(f"{j.role}: {j.id}" for j in row.results.judges),
            row.results.lm_eval_version,
            row.config_hash[:12],
        )
        for row in board.rows
    ]
    return table(header, rows)


def _marks(marks: Sequence[Mark]) -> str:
    return "".join(
        f' <span class="mark" title="{escape(mark.text)}">{mark.sign}</span>' for mark in marks
    )
