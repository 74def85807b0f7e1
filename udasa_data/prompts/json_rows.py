"""Rows of JSON: one a line, an array, or an object around one; and of plain lines."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

from udasa_data.errors import UserError
from udasa_data.prompts.columns import PROMPT_COLUMNS
from udasa_data.prompts.decoding import lines_of
from udasa_data.storage import Place

_Rows: TypeAlias = list[tuple[str, dict[str, Any]]]
_DECODER: Final = json.JSONDecoder()


def jsonl_rows(path: Place, text: str) -> _Rows:
    """Return the rows of a .jsonl file: one a line, or an array that was given this name.

    Raises:
        UserError: malformed, or a row that is no object, list of messages or string.
    """
    if text.lstrip().startswith("[") and not _goes_on(text):
        value = _json_value(path, "", text)
        if len(lines_of(text.strip())) > 1 or _are_rows(value):
            return _array(path, value)
    return _lines(path, text)


def json_rows(path: Place, text: str) -> _Rows:
    """Return the rows of a .json file: an array, an object around one, or one a line.

    ``to_json`` of datasets and of pandas (``lines=True``) writes JSON Lines into such files.

    Raises:
        UserError: malformed, or without rows.
    """
    text = text.lstrip("\ufeff")
    if not text.strip():
        return []
    if not text.lstrip().startswith("[") and _goes_on(text):
        return _lines(path, text)
    value = _json_value(path, "", text)
    if isinstance(value, dict):
        return _object(path, value)
    return _array(path, value)


def txt_rows(path: Place, text: str) -> _Rows:
    """Return the lines of a text that are not empty, each as a prompt."""
    del path
    lines = enumerate(lines_of(text), 1)
    return [(f"line {n}", {"prompt": line}) for n, line in lines if line.strip()]


def _are_rows(value: list[Any]) -> bool:
    """Return whether a list in one line is of rows: objects that are no turns of one row."""
    turns = {"role", "from", "speaker"}
    return all(isinstance(row, dict) and not turns & row.keys() for row in value)


def _goes_on(text: str) -> bool:
    """Return whether something follows the first JSON document of a text."""
    start = len(text) - len(text.lstrip())
    try:
        _, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return bool(text[end:].strip("\ufeff \t\r\n"))


def _lines(path: Place, text: str) -> _Rows:
    rows = []
    for number, line in enumerate(lines_of(text), 1):
        if line.strip():
            where = f"line {number}"
            # an array's, written without its brackets, or one of RFC 7464
            row = line.rstrip().removesuffix(",").removeprefix("\x1e")
            rows.append((where, _record(_json_value(path, where, row), path, where)))
    return rows


def _array(path: Place, value: Any) -> _Rows:
    if not isinstance(value, list):
        raise UserError(f"{path}: a JSON array of rows is needed, or one object a line")
    if value and all(isinstance(row, dict) and row.keys() >= {"row_idx", "row"} for row in value):
        value = [row["row"] for row in value]  # as the Hub's viewer gives them
    return [(f"item {n}", _record(row, path, f"item {n}")) for n, row in enumerate(value, 1)]


def _object(path: Place, value: dict[str, Any]) -> _Rows:
    """Return the rows in an object: of the one list of objects in it, or itself as a row."""
    if (rows := _of_table(value)) is not None:
        return _array(path, rows)
    lists = [
        key
        for key, found in value.items()
        if isinstance(found, list) and found and all(isinstance(row, dict) for row in found)
    ]
    if any(key in PROMPT_COLUMNS for key in value):
        return [("item 1", value)]
    if len(lists) == 1:
        return _array(path, value[lists[0]])
    keys = ", ".join(lists or list(value)[:9])
    problem = "several lists of rows" if lists else "no list of rows"
    raise UserError(
        f"{path}: a JSON array of rows is needed, or an object with one; this one has {problem} "
        f"(of {keys})"
    )


def _of_table(value: dict[str, Any]) -> list[Any] | None:
    """Return the rows of a table as pandas writes it, by columns, by index or split; else None.

    By columns: ``{"prompt": {"0": …}}`` or ``{"prompt": […]}``; by index: ``{"0": {"prompt": …}}``;
    split: ``{"columns": […], "data": [[…]]}``.
    """
    names, data = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(data, list):
        return _split(names, data)
    if _are_columns(value):
        return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
    inner = [*value.values()]
    if not inner or not all(isinstance(part, dict) and part for part in inner):
        return None
    if all(any(key in PROMPT_COLUMNS for key in part) for part in inner):
        return inner
    index = inner[0].keys()
    if all(key.isdecimal() for key in index) and all(part.keys() == index for part in inner):
        return [{name: column[key] for name, column in value.items()} for key in index]
    return None


def _split(names: list[Any], data: list[Any]) -> list[Any] | None:
    if all(isinstance(row, list) and len(row) == len(names) for row in data):
        return [dict(zip(map(str, names), row, strict=True)) for row in data]
    return None


def _are_columns(value: dict[str, Any]) -> bool:
    """Return whether an object holds columns as lists, one of them of prompts that are texts."""
    lists = [column for column in value.values() if isinstance(column, list)]
    prompts = [value[name] for name in PROMPT_COLUMNS if name in value]
    return (
        len(lists) == len(value)
        and len(set(map(len, lists))) == 1
        and any(all(isinstance(text, str) for text in column) for column in prompts)
    )


def _record(value: object, path: Place, where: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, list):
        return {"messages": value}
    if isinstance(value, dict):
        return value
    kind = type(value).__name__
    raise UserError(
        f"{path}, {where}: an object, a list of messages or a string is needed, not a JSON {kind}"
    )


def _json_value(path: Place, where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"malformed JSON ({error.msg}, column {error.colno})"
        raise UserError(f"{path}, {where or f'line {error.lineno}'}: {problem}") from error
    except (ValueError, RecursionError) as error:
        problem = "an integer of thousands of digits"
        if isinstance(error, RecursionError):
            problem = "nested too deeply"
        raise UserError(f"{path}{', ' if where else ''}{where}: {problem}") from error
