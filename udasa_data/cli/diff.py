"""``udasa-data diff``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from udasa_data.runs import Difference, Example

_PLACE = "A run directory, a dataset folder, or ORG/NAME[@REVISION]."


def diff(
    a: Annotated[str, typer.Argument(help=_PLACE, show_default=False)],
    b: Annotated[str, typer.Argument(help="What to hold against it.", show_default=False)],
    n: Annotated[int, typer.Option("-n", min=0, help="Examples of each kind.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what changed from A to B: pairs gained, lost, flipped, moved between stages."""
    import msgspec

    from udasa_data.runs import compare, open_finished

    found = compare(open_finished(a), open_finished(b), n)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
        return
    _print(found)


def _print(found: Difference) -> None:
    from rich.console import Console
    from rich.text import Text

    from udasa_data.cli.tables import plain_table

    about = {
        "gained": _told(found.why_gained, "left out before"),
        "lost": _told(found.why_lost, "left out now"),
        "flipped": "chosen and rejected changed places",
        "repaired": "another answer on a side",
        "moved": "to another stage",
        "same": "",
    }
    console = Console()
    rows = [("pairs", f"{found.pairs[0]:,} → {found.pairs[1]:,}", "")]
    rows += [(kind, f"{count:,}", about[kind]) for kind, count in found.counts.items()]
    console.print(plain_table(("", "pairs", ""), rows, right={1}))
    header = ("stage before ↓ after →", *found.stages)
    moves = [(x, *(f"{n:,}" for n in to.values())) for x, to in found.stages.items()]
    console.print(plain_table(header, moves, right={1, 2, 3}))
    for kind, examples in found.examples.items():
        for example in examples:
            for line in _lines(kind, example):
                console.print(Text(line), soft_wrap=True)


def _told(reasons: dict[str, int], what: str) -> str:
    counts = ", ".join(f"{why.replace('_', ' ')} {n:,}" for why, n in reasons.items())
    return f"{what}: {counts}" if counts else ""


def _lines(kind: str, example: Example) -> list[str]:
    why = f" ({example.why.replace('_', ' ')})" if example.why else ""
    lines = [f"--- {kind}{why}: {_short(example.prompt)}"]
    for sign, sides, stage, gap in zip(
        "-+", (example.before, example.after), example.stages, example.gaps, strict=True
    ):
        if sides is not None:
            lines.append(f"{sign} {stage}, Δu {gap:.3f}")
            lines += [f"{sign}   {name}: {_short(text)}" for name, text in _named(sides)]
    return lines


def _named(sides: tuple[str, str]) -> list[tuple[str, str]]:
    return [("chosen  ", sides[0]), ("rejected", sides[1])]


def _short(text: str, width: int = 100) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= width else f"{folded[: width - 1]}…"
