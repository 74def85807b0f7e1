"""Example pairs of a card: picked by rule, escaped, and folded away where they may harm."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from udasa_data.pairing import gap_words
from udasa_data.publish.markdown import fenced, inline
from udasa_data.schema import Axis, Stage

_PLACES: Final = (1, 3, 5)  # sixths of a stage's pairs, by rank of P(chosen better)
_LIKELY: Final = 0.5  # a violation is likelier than not


def examples(pairs: pl.DataFrame) -> str:
    """Return three pairs of each stage as Markdown.

    Args:
        pairs: the staged pairs.
    """
    sections = []
    for stage in Stage:
        of_stage = pairs.filter(pl.col("stage") == stage.value).sort("p_chosen_better", "prompt_id")
        n = len(of_stage)
        rows = sorted({min(n - 1, sixth * n // 6) for sixth in _PLACES}, reverse=True) if n else []
        shown = [_example(of_stage.row(row, named=True)) for row in rows]
        sections.append("\n\n".join([f"### {stage}", *(shown or ["No pairs."])]))
    return "\n\n".join(sections)


def is_harmful(pair: dict[str, Any]) -> bool:
    """Return whether a pair is folded away: by its axis, or by the value of either answer.

    The value of a review is how negative it is, which harms nobody.
    """
    if pair["axis"] == Axis.SENTIMENT:
        return False
    values = (pair["u_value_chosen"], pair["u_value_rejected"])
    return pair["axis"] == Axis.HARMLESSNESS or any(u >= _LIKELY for u in values if u is not None)


def _example(pair: dict[str, Any]) -> str:
    gap = gap_words(pair["delta_u"], pair["se_delta"])
    figures = f"P {pair['p_chosen_better']:.3f} · {gap} · {inline(pair['axis'])}"
    body = "\n\n".join(
        [
            "Prompt",
            fenced(_text(pair["prompt"])),
            _head(pair, "chosen"),
            fenced(_text(pair["chosen"])),
            _head(pair, "rejected"),
            fenced(_text(pair["rejected"])),
        ]
    )
    if is_harmful(pair):
        warned = f"⚠ may be harmful or upsetting: {figures}"
        return f"<details><summary>{warned}</summary>\n\n{body}\n\n</details>"
    return f"**{figures}**\n\n{body}"


def _head(pair: dict[str, Any], side: str) -> str:
    parts = [f"u {pair[f'uncertainty_{side}']:.2f}"]
    for name in ("semantic", "factual", "value"):
        u = pair[f"u_{name}_{side}"]
        parts.append(f"{name} {'–' if u is None or u != u else f'{u:.2f}'}")  # noqa: PLR0124 - NaN
    return f"{side.capitalize()} ({', '.join(parts)})"


def _text(turns: list[dict[str, str]]) -> str:
    """Return one turn as it stands, several with their roles."""
    if len(turns) == 1:
        return turns[0]["content"]
    return "\n".join(f"[{turn['role']}] {turn['content']}" for turn in turns)
