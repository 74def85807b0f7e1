"""YAML as we take it from files and command lines: plain values alone, and of a bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import yaml

from udasa_data.errors import UserError, first_line

_DEEPEST: Final = 100  # levels
_MOST: Final = 200_000  # values, each as often as an anchor repeats it
_INTEGERS: Final = range(-(2**63), 2**64)


def parse_yaml(text: str, where: str) -> object:
    """Return the plain values in a YAML text: mappings with keys of text, lists, and scalars.

    Args:
        text: of one document.
        where: it stands, for the message.

    Raises:
        UserError: not YAML, or a value that no configuration holds: a date, a set, bytes, a key
            that is no text, NaN and infinity, an integer beyond 64 bits, half a character, lists in
            lists without end, or anchors that repeat too much.
    """
    try:
        value = _constructed(text, where)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or first_line(error)
        raise UserError(f"{where}:{line} {problem}") from error
    except RecursionError as error:
        raise UserError(f"{where}: nested too deeply") from error
    except (ValueError, TypeError, OverflowError, KeyError, AttributeError) as error:
        # what PyYAML lets through from the constructors of numbers, dates and bytes
        raise UserError(f"{where}: a value that cannot be read ({first_line(error)})") from error
    for path, problem in _problems(value, ""):
        key = f"key '{_shown(path)}': " if path else ""
        raise UserError(f"{where}: {key}{problem}")
    return value


def _constructed(text: str, where: str) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _bounded(node, where, {}, 0)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _bounded(node: yaml.Node, where: str, sizes: dict[int, int], depth: int) -> int:
    """Return how many values a node comes to, its aliases spelt out; refuse too many of them.

    ``sizes`` holds those of nodes seen before, 0 for one that this node is itself a part of.
    """
    known = sizes.get(id(node))
    if known == 0 or depth > _DEEPEST:
        raise UserError(f"{where}: nested too deeply")
    if known is not None:
        return known
    sizes[id(node)], size = 0, 1
    if isinstance(node, yaml.CollectionNode):
        for entry in node.value:
            for part in entry if isinstance(entry, tuple) else (entry,):
                size += _bounded(part, where, sizes, depth + 1)
    if size > _MOST:
        raise UserError(f"{where}: its anchors repeat more than {_MOST:,} values")
    sizes[id(node)] = size
    return size


def _problems(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield where a value is none that a configuration holds, and what is wrong with it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                kind = type(key).__name__
                yield path, f"{_shown(str(key))} is read as a {kind}, not as text; quote it"
                continue
            if of_key := unusable_text(key):
                yield path, f"a key with {of_key}"
            yield from _problems(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _problems(inner, path)
    elif problem := _of_scalar(value):
        yield path, problem


def _of_scalar(value: object) -> str | None:
    """Return what is wrong with a scalar, None of a good one."""
    if isinstance(value, str):
        return unusable_text(value)
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value}, where a finite number is needed"
    if isinstance(value, int):
        return None if value in _INTEGERS else "an integer beyond 64 bits"
    return None if value is None else f"a {type(value).__name__}; as text it stands in quotes"


def unusable_text(text: str) -> str | None:
    """Return what keeps a text from being stored or from being a path, None where nothing does."""
    if "\0" in text:
        return "the character NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half a character (a lone surrogate)"
    return None


def _shown(text: str) -> str:
    """Return a text as it can be printed, in one line."""
    return text.encode("unicode_escape", "backslashreplace").decode("ascii")[:80]
