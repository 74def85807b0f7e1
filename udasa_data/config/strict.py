"""Strict YAML: typed sections, unknown keys refused, each fault one line that names its key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar, get_args

import msgspec

from udasa_data.config.plain_files import read_bytes
from udasa_data.config.plain_yaml import parse_yaml
from udasa_data.errors import UserError, first_line, nearest


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section: immutable, no unknown keys, no coercion."""


S = TypeVar("S", bound=Strict)


def read_yaml(path: Path) -> dict[str, object]:
    """Return the mapping that a YAML file holds; an empty file is an empty mapping.

    Raises:
        UserError: unreadable, not UTF-8, not YAML, or no mapping of keys.
    """
    try:
        text = read_bytes(path).decode("utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except ValueError as error:  # a path with NUL in it
        raise UserError(f"{str(path)!r}: is no path ({error})") from error
    value = parse_yaml(text, str(path))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{path}: the top level must be a mapping of configuration keys")
    return value


def convert(value: object, kind: type[S], where: str) -> S:
    """Return plain values as a section.

    Raises:
        UserError: an unknown key, or a value of another type or out of range; ``where`` and the
            key's path come first.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {_explain(str(error), kind)}") from error
    except UnicodeEncodeError as error:  # of the command line: a file's texts are looked at before
        raise UserError(f"{where}: a text that is not UTF-8 ({error.object[:40]!r})") from error
    except (OverflowError, RecursionError) as error:
        raise UserError(f"{where}: a value out of range ({first_line(error)})") from error


def _explain(message: str, kind: type[Strict]) -> str:
    """Turn msgspec's message into ours: key path first, nearest known key where one is unknown."""
    text, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `(.+)`", text)
    if unknown is None:
        problem = text[0].lower() + text[1:]
        return f"key '{path}': {problem}" if path else problem
    section = _section(path, kind)
    key = unknown.group(1)
    full = f"{path}.{key}" if path else key
    return f"unknown key '{full}'{nearest(key, section.__struct_fields__)}"


def _section(path: str, kind: type[Strict]) -> type[Strict]:
    """Return the section type at a msgspec path such as ``value[...]`` or ``pairing``."""
    section = kind
    for step in filter(None, re.split(r"\.|\[.*?\]", path)):
        if step not in section.__struct_fields__:
            return section  # of a union, which of them it is cannot be seen here
        hint = msgspec.structs.fields(section)[section.__struct_fields__.index(step)].type
        found = [t for t in _flatten(hint) if isinstance(t, type) and issubclass(t, Strict)]
        section = found[0] if found else section
    return section


def _flatten(hint: object) -> list[object]:
    return [hint, *(leaf for part in get_args(hint) for leaf in _flatten(part))]
