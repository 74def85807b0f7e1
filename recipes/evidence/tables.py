"""The figures of the premise, as tables for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..staged.report import aligned
from .premise import Figure
from .questions import QUESTIONS

_THIRDS: Final = tuple(
    f"decided, right, {third} gaps" for third in ("largest", "middle", "smallest")
)
_ESTIMATORS: Final = ("AUROC", "PRR", "lowest is right", "decided, right", *_THIRDS)
_STAGES: Final = (
    "pairs, decided, right",
    "pairs, said P(chosen better)",
    "pairs, chosen is right",
    "pairs, rejected is right",
)
_CONDUCT: Final = ("right", "refusing", "evasive", "truncated", "prompts of one meaning")


def tables(figures: Sequence[Figure], policy: str) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return (title, header, rows) of a policy's tables: by estimator, by stage, conduct."""
    own = [figure for figure in figures if figure.policy == policy]
    asked = [figure for figure in own if figure.kind == QUESTIONS]
    found = [
        _table("by estimator", asked, _ESTIMATORS),
        _table("pairs as they ship, by stage", asked, _STAGES),
    ]
    for kind in dict.fromkeys(figure.kind for figure in own):
        of_kind = [figure for figure in own if figure.kind == kind]
        found.append(_table(f"answers to {kind}", of_kind, _CONDUCT))
    return [table for table in found if table[2]]


def as_text(figures: Sequence[Figure]) -> str:
    """Return all tables, aligned."""
    parts = []
    for policy in dict.fromkeys(figure.policy for figure in figures):
        for title, header, rows in tables(figures, policy):
            parts.append(aligned([f"{policy}: {title}", *header], rows))
    return "\n\n".join(parts)


def as_markdown(figures: Sequence[Figure]) -> str:
    """Return all tables as a page has them."""
    parts = []
    for policy in dict.fromkeys(figure.policy for figure in figures):
        for title, header, rows in tables(figures, policy):
            lines = [["", *header], ["---"] * (len(header) + 1), *rows]
            body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            parts.append(f"**{policy}: {title}**\n\n{body}")
    return "\n\n".join(parts) + "\n"


def _table(
    title: str, figures: Iterable[Figure], measures: Sequence[str]
) -> tuple[str, list[str], list[list[str]]]:
    known = {(figure.by, figure.measure): figure for figure in figures}
    header = [measure for measure in measures if any(m == measure for _, m in known)]
    rows = []
    for by in dict.fromkeys(by for by, measure in known if measure in header):
        cells = [known.get((by, measure)) for measure in header]
        rows.append([by, *("–" if cell is None else _cell(cell) for cell in cells)])
    return title, header, rows


def _cell(figure: Figure) -> str:
    if not figure.n:
        return "– (0)"
    within = f" [{figure.low:.2f}, {figure.high:.2f}]" if figure.low < figure.high else ""
    return f"{figure.value:.3f}{within} ({figure.n:,})"
