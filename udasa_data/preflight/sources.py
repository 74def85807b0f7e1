"""A source of prompts by its metadata and first rows; files, which are here, are read whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from udasa_data.errors import UserError
from udasa_data.preflight.report import Item, Lookups, collected
from udasa_data.prompts import (
    NoPrompt,
    Row,
    Source,
    SourceRows,
    cell_of,
    choose_columns,
    parse_source,
    peek_hub,
    read_prompt,
    read_rows,
    spelt_otherwise,
)
from udasa_data.schema import Mode

_TRIED: Final = 1000  # rows, to see whether any is a question


class SourceFound(NamedTuple):
    """A source as it was found.

    Attributes:
        item: of the report.
        place: where it is; "" where its text says no place.
        commit: of a Hub dataset, ``local`` of files; None where it was not found.
        rows: of files; None of a Hub dataset, which is not fetched yet.
        asks: whether a chat prompt without a system turn is among its first rows.
        n_rows: of it; None where that is not known.
        download: bytes that are not on this machine yet.
    """

    item: Item
    place: str = ""
    commit: str | None = None
    rows: SourceRows | None = None
    asks: bool = True
    n_rows: int | None = None
    download: int = 0


def look_at_source(text: str, lookups: Lookups) -> SourceFound:
    """Return what is known of a source of prompts before it is loaded, and every fault of it.

    Args:
        text: as given with ``--prompts``.
        lookups: what the Hub was asked already.
    """
    faults: list[str] = []
    with collected(faults):
        source = parse_source(text)
        return _files(source) if source.is_local else _on_hub(source, lookups)
    return SourceFound(Item(what="prompts", id=text, faults=tuple(faults)))


def place_in(text: str) -> str | None:
    """Return the place that a source's text names; None where it cannot be read."""
    try:
        return parse_source(text).place
    except UserError:
        return None


def _files(source: Source) -> SourceFound:
    rows = read_rows(source)
    detail = f"{len(rows.rows):,} rows, {_columns(rows.rows)}"
    item = Item(what="prompts", id=source.place, detail=detail)
    return SourceFound(item, source.place, "local", rows, _asks(source, rows.rows), len(rows.rows))


def _on_hub(source: Source, lookups: Lookups) -> SourceFound:
    listing = lookups.listing(source.place, "main", "dataset")
    assert listing.commit is not None
    peeked = peek_hub(source.place, source.config, source.split, listing.commit)
    if not peeked.columns:
        raise UserError(f"{source.place}: holds no rows")
    other = spelt_otherwise(peeked.columns, source.column)
    columns = [other.get(name, name) for name in peeked.columns]
    cells = [{other.get(key, key): cell for key, cell in row.items()} for row in peeked.rows]
    column = _column(source, columns, cells)
    rows = [Row(f"row {n}", column, cell_of(row, column), {}) for n, row in enumerate(cells)]
    part = "/".join((source.config or "", source.split or "train"))
    sizes = {name: listing.files.get(name, 0) for name in peeked.files}
    item = Item(
        what="prompts",
        id=f"{source.place}:{part}",
        revision=listing.commit,
        bytes=sum(sizes.values()) or None,
        licence=listing.licence,
        detail=f"{_rows(peeked.n_rows)}{_columns(rows)}",
    )
    download = sum(size for name, size in sizes.items() if name in listing.missing)
    asks = _asks(source, rows)
    return SourceFound(item, source.place, listing.commit, None, asks, peeked.n_rows, download)


def _column(source: Source, columns: list[str], rows: list[dict[str, Any]]) -> str:
    """Return the column that prompts are in; a key of an object may be missing in the first rows.

    Raises:
        UserError: there is no such column.
    """
    named = source.column
    if named and named.partition(".")[0] in columns:
        return named
    return choose_columns(source.place, rows, columns, named).prompt[0]


def _asks(source: Source, rows: list[Row]) -> bool:
    return any(_questions(source, rows))


def _questions(source: Source, rows: list[Row]) -> Iterator[bool]:
    for row in islice(rows, _TRIED):
        prompt = read_prompt(row, source.axis)
        if not isinstance(prompt, NoPrompt):
            yield prompt["mode"] == Mode.CHAT and prompt["messages"][0]["role"] != "system"


def _rows(count: int | None) -> str:
    return "" if count is None else f"{count:,} rows, "


def _columns(rows: list[Row]) -> str:
    names = list(dict.fromkeys(row.column for row in islice(rows, _TRIED)))
    return f"column {', '.join(names)}" if names else ""
