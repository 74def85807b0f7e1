"""A stage's rows as TRL takes them: rendered, checked, and kept on disk for later runs.

The rows lie in a folder of the cache named after their content and the tokenizer. TRL keeps its
tokenisation and the reference's log-probabilities beside them, the latter under the hash of the
rows and of the reference's weights: a later run finds both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from udasa_data.engines.control_tokens import ControlTokenError
from udasa_data.prompts import text_sha256
from udasa_data.runs import key_of
from udasa_data.schema import Mode
from udasa_data.storage import replace_folder, user_cache

from .guards import Tokenised
from .rendering import JOIN, Pair, Renderer

_CACHED: Final = re.compile(
    r"(state|dataset_info)\.json|data-\d{5}-of-\d{5}\.arrow|cache-[0-9a-z_]+\.arrow|tmp[0-9a-z_]+"
)
_REASONS: Final = (
    "completion",
    "too_long",
    "collapsed",
    "not_a_prefix",
    "unlike_build",
    "control_tokens",
)


class Encoded(NamedTuple):
    """A pair as token ids, each side cut at the maximal length."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


class Rendered(NamedTuple):
    """The rows of a table that can be trained on, and what became of the others.

    ``as_text``: TRL's tokenisation of the pairs is ours.
    """

    rows: pl.DataFrame
    pairs: list[Pair]
    encoded: list[Encoded]
    counts: Tokenised
    as_text: bool = True


def mix(
    own: pl.DataFrame, earlier: Sequence[pl.DataFrame], replay: float, seed: int
) -> pl.DataFrame:
    """Return a stage's rows and, after them, rows drawn from the stages before it.

    Args:
        own: rows of the stage.
        earlier: rows of each stage trained before.
        replay: how many of those, as a share of ``own``; at most all of them.
        seed: of the drawing, without replacement.
    """
    if not earlier or not replay:
        return own
    pool = pl.concat(earlier)
    n = min(len(pool), round(replay * len(own)))
    drawn = np.sort(np.random.default_rng(seed).permutation(len(pool))[:n])
    return pl.concat([own, pool[drawn]])


def render(
    table: pl.DataFrame, renderer: Renderer, max_length: int, *, completion: bool
) -> Rendered:
    """Render and tokenise rows; those that cannot be trained on are counted by their reason.

    Args:
        table: rows of a dataset.
        renderer: of the policy.
        max_length: tokens of prompt and answer.
        completion: whether texts to be continued are trained on.
    """
    kept, pairs, encoded, truncated, as_text = [], [], [], 0, True
    counts = dict.fromkeys(_REASONS, 0)
    for number, row in enumerate(table.iter_rows(named=True)):
        if row["mode"] == Mode.COMPLETION and not completion:
            counts["completion"] += 1
            continue
        try:
            pair = renderer.pair(row)
            ids, joins = _encode(pair, renderer) if pair else (None, False)
            why = _fault(row, pair, ids, renderer, max_length)
        except ControlTokenError:
            counts["control_tokens"] += 1
            continue
        if why is not None or pair is None or ids is None:
            counts[why or "not_a_prefix"] += 1
            continue
        room = max_length - len(ids.prompt)
        truncated += max(len(ids.chosen), len(ids.rejected)) > room
        as_text &= joins and not pair.is_marked
        kept.append(number)
        pairs.append(pair)
        encoded.append(Encoded(ids.prompt, ids.chosen[:room], ids.rejected[:room]))
    counted = Tokenised(rows=len(table), truncated=truncated, **counts)
    return Rendered(table[kept], pairs, encoded, counted, as_text)


def _encode(pair: Pair, renderer: Renderer) -> tuple[Encoded | None, bool]:
    """Return a pair's ids, and whether they are those of prompt and answer as one text."""
    chosen, rejected = (renderer.after(pair.prompt, said) for said in (pair.chosen, pair.rejected))
    if chosen is None or rejected is None:
        return None, False
    joins = chosen.joins and rejected.joins
    return Encoded(renderer.ids(pair.prompt), chosen.ids, rejected.ids), joins


def _fault(
    row: dict[str, Any], pair: Pair | None, ids: Encoded | None, renderer: Renderer, limit: int
) -> str | None:
    """Return why a row cannot be trained on; None when it can."""
    if pair is None or ids is None:
        return "not_a_prefix"
    bos = renderer.tokenizer.bos_token_id
    if ids.prompt[:2] == [bos, bos] or ids.prompt != renderer.build_ids(row, pair.prompt):
        return "unlike_build"
    if len(ids.prompt) >= limit:
        return "too_long"
    room = limit - len(ids.prompt)
    return "collapsed" if ids.chosen[:room] == ids.rejected[:room] else None


def stored(rendered: Rendered, rows_key: str, cache: Path, p: pl.Series | None = None) -> Any:
    """Return rows as a ``datasets.Dataset`` that lies in the cache, written there if it does not.

    Args:
        rendered: the rows.
        rows_key: all else that decides them: tokenizer, maximal length, rounding.
        cache: folder.
        p: P(chosen better) of each row, where the stage reads it.
    """
    from datasets import Dataset, load_from_disk

    # what TRL would read as something else: its rows are then our tokens
    tokens = not rendered.as_text
    known = [] if p is None else p.cast(pl.Float64).fill_null(float("nan")).to_list()
    key = key_of(rendered.pairs, rows_key, *([rendered.encoded] if tokens else []), *known)
    folder = cache / "rows" / key[:24]
    if not (folder / "state.json").is_file():
        made = Dataset.from_dict(
            {
                "prompt": [[_turn("user", pair.prompt)] for pair in rendered.pairs],
                "chosen": [[_turn("assistant", pair.chosen)] for pair in rendered.pairs],
                "rejected": [[_turn("assistant", pair.rejected)] for pair in rendered.pairs],
                "chat_template_kwargs": [{"chat_template": JOIN}] * len(rendered.pairs),
                **(_columns(rendered.encoded) if tokens else {}),
                **({} if p is None else {"p_chosen_better": known}),
            }
        )
        folder.parent.mkdir(parents=True, exist_ok=True)
        replace_folder(folder, lambda path: made.save_to_disk(str(path)), _is_cached)
    return load_from_disk(str(folder))


def _columns(encoded: Sequence[Encoded]) -> dict[str, list[list[int]]]:
    """Return pairs as the columns into which TRL tokenises."""
    return {f"{side}_ids": [getattr(pair, side) for pair in encoded] for side in Encoded._fields}


def _is_cached(path: str) -> bool:
    """Return whether a path in a folder of rows is of a file that ``datasets`` puts there."""
    return _CACHED.fullmatch(path) is not None


def default_cache() -> Path:
    """Return ``$UDASA_CACHE/training``, else the same in the user's cache folder."""
    return user_cache() / "training"


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def prompts_table(
    tables: Sequence[pl.DataFrame], before: Sequence[pl.DataFrame] = ()
) -> pl.DataFrame:
    """Return (prompt_id, text_sha256) of the prompts trained on, each once; ``before`` are such.

    The hash is of the last user text, lower case, white space joined: what an evaluation needs to
    see its own questions among them, and nothing more.
    """
    rows = pl.concat([table.select("prompt_id", "prompt") for table in tables]).unique("prompt_id")
    digests = [text_sha256(messages[-1]["content"]) for messages in rows["prompt"].to_list()]
    table = rows.select("prompt_id").with_columns(pl.Series("text_sha256", digests, pl.String))
    return pl.concat([table, *before]).unique("prompt_id", keep="first").sort("prompt_id")
