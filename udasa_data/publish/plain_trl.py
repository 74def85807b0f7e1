"""What TRL's trainers need beside a pair to read it as the build did: a column of published pairs.

TRL renders each row with the keywords in its column ``chat_template_kwargs``. A text to be
continued brings a template of its own, which joins prompt and answer as they were read and said: no
turns, and no end token unless the policy itself said one. Chat rows bring what the build gave to
the policy's template. A template does not know which side it renders: it goes by the length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from udasa_data.runs import Manifest
from udasa_data.schema import Mode

COLUMN: Final = "chat_template_kwargs"
NO_SPACE_BEFORE: Final = ".,;:!?)]}'’”…%"
CONTINUED: Final = (
    "{{ begins_with or '' }}{% for message in messages %}"
    "{% if message['role'] != 'assistant' %}{{ message['content'].rstrip() }}"
    "{% else %}{% set is_chosen = message['content'] | length == chosen_length %}"
    "{{ before_chosen if is_chosen else before_rejected }}{{ message['content'] }}"
    "{% if (ended_chosen if is_chosen else ended_rejected) %}{{ eos_token }}{% endif %}"
    "{% endif %}{% endfor %}"
)
_SIDES: Final = ("chosen", "rejected")


def kwargs_type(manifest: Manifest) -> pl.Struct:
    """Return the column's type: the build's options of the template, and those of a continuation.

    Raises:
        TypeError: never of options that a configuration takes.
    """
    options = manifest.config.sampling.chat_template_kwargs
    own = pl.Series([options]).dtype if options else pl.Struct([])
    assert isinstance(own, pl.Struct)
    return pl.Struct({**dict(own.to_schema()), **_CONTINUATION})


_CONTINUATION: Final[Mapping[str, Any]] = {
    "chat_template": pl.String(),  # null: the policy's own
    "begins_with": pl.String(),  # the token that the tokenizer puts before every text
    "chosen_length": pl.Int64(),  # characters
    "before_chosen": pl.String(),  # white space between prompt and answer
    "before_rejected": pl.String(),
    "ended_chosen": pl.Boolean(),  # whether it ended by itself
    "ended_rejected": pl.Boolean(),
}


def with_kwargs(pairs: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """Return pairs with the column that TRL reads.

    Args:
        pairs: as ``schema.PAIRS``.
        manifest: of their dataset.
    """
    options = dict(manifest.config.sampling.chat_template_kwargs)
    empty = dict.fromkeys(_CONTINUATION)
    rows = [
        _of_continuation(row, manifest) if row["mode"] == Mode.COMPLETION else {**options, **empty}
        for row in pairs.select("mode", *_SIDES, *_COLUMNS).iter_rows(named=True)
    ]
    return pairs.with_columns(pl.Series(COLUMN, rows, dtype=kwargs_type(manifest), strict=False))


_COLUMNS: Final = [f"{what}_{side}" for what in ("reasoning", "finish_reason") for side in _SIDES]


def _of_continuation(row: Mapping[str, Any], manifest: Manifest) -> dict[str, Any]:
    return {
        "chat_template": CONTINUED,
        "begins_with": manifest.policy.begins_with,
        "chosen_length": len(row["chosen"][-1]["content"]),
        **{f"before_{side}": before(row, side) for side in _SIDES},
        **{f"ended_{side}": row[f"finish_reason_{side}"] == "stop" for side in _SIDES},
    }


def before(row: Mapping[str, Any], side: str) -> str:
    """Return what stands between a text and its continuation.

    Where that is not known, a space before what is no punctuation.
    """
    known = row.get(f"reasoning_{side}")
    if known is not None:
        return str(known)
    return "" if row[side][-1]["content"].startswith(tuple(NO_SPACE_BEFORE)) else " "
