"""``udasa-data diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from udasa_data.cli.options import JsonOption
from udasa_data.terminal import Screen, print_json

if TYPE_CHECKING:
    from udasa_data.runs import Difference, Example

_PLACE = "A run directory, a dataset folder, or ORG/NAME[@REVISION]."


def diff(
    a: Annotated[str, typer.Argument(help=_PLACE, show_default=False)],
    b: Annotated[
        str, typer.Argument(help="What to compare it with: another of these.", show_default=False)
    ],
    n: Annotated[int, typer.Option("-n", min=0, help="How many examples of each kind.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from A to B.

    Pairs gained, lost, flipped, moved between stages.
    """
    from udasa_data.runs import compare, open_finished

    difference = compare(open_finished(a), open_finished(b), n)
    if as_json:
        print_json(difference)
    else:
        _print(difference)


def _print(difference: Difference) -> None:

    from rich.text import Text

    from udasa_data.terminal import print_table

    about = {
        "gained": _with_reasons(difference.why_gained, "left out before"),
        "lost": _with_reasons(difference.why_lost, "left out now"),
        "flipped": "chosen and rejected changed places",
        "repaired": "another answer on a side",
        "moved": "to another stage",
        "same": "",
    }
    rows = [("pairs", f"{difference.pairs[0]:,} → {difference.pairs[1]:,}", "")]
    rows += [(kind, f"{count:,}", about[kind]) for kind, count in difference.counts.items()]
    print_table(("", "pairs", ""), rows, right={1})
    header = ("stage before ↓ after →", *difference.stages)
    moves = [(x, *(f"{n:,}" for n in to.values())) for x, to in difference.stages.items()]
    print_table(header, moves, right={1, 2, 3})
    console = Screen()
    for kind, examples in difference.examples.items():
        for example in examples:
            for line in _lines(kind, example):
                console.print(Text(line), soft_wrap=True)


def _with_reasons(reasons: dict[str, int], what: str) -> str:
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
