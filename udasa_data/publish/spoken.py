"""The languages of a dataset, as its card names them."""

from __future__ import annotations

from collections import Counter
from typing import Final

import polars as pl

from udasa_data.languages import language_of

_READ: Final = 400  # pairs, spread evenly: 2 ms each
_LEAST: Final = 0.05  # share of those whose language is sure


def languages_of(pairs: pl.DataFrame, told: str | None) -> list[str]:
    """Return ISO 639-1 codes of the languages of the chosen answers, most first.

    Args:
        pairs: as ``schema.PAIRS``.
        told: the language that the configuration names; it is then the only one.

    Returns:
        those that one in twenty of the sure answers is in; [] where none is sure.
    """
    if told:
        return [told]
    rows = pairs.gather_every(max(1, -(-len(pairs) // _READ)))
    texts = rows.select(pl.col("chosen").list.last().struct["content"]).to_series()
    found = Counter(code for text in texts if (code := language_of(text)))
    total = sum(found.values())
    return [code for code, n in found.most_common() if n >= _LEAST * total]
