"""Single keys laid over a YAML file: ``--set stages.moderate.beta=0.2``, as strict as the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import yaml

from udasa_data.config import Strict, parse_yaml, read_yaml
from udasa_data.errors import UserError

T = TypeVar("T")
FLAG: Final = "--set"
# a number to YAML 1.2 and to everyone else; YAML 1.1, which PyYAML reads, wants 5.0e-7
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")


def parse_settings(settings: Sequence[str]) -> dict[str, object]:
    """Return ``KEY.KEY=VALUE`` strings as one nested mapping, values read as YAML; later ones win.

    Raises:
        UserError: no key, no ``=``, or a value that is not YAML.
    """
    nested: dict[str, object] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise UserError(f"{FLAG} '{setting}': reads KEY=VALUE, as in stages.moderate.beta=0.2")
        value = _value(text, setting)
        for key in reversed(keys):
            value = {key: value}
        assert isinstance(value, dict)
        nested = lay_over(nested, value)
    return nested


def _value(text: str, setting: str) -> object:
    if _NUMBER.fullmatch(text.strip()):
        return float(text)
    return parse_yaml(text, f"{FLAG} '{setting}'")


def lay_over(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Return ``base`` with ``over`` laid on it; only mappings are merged, lists are replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = lay_over(below, value)
        else:
            merged[key] = value
    return merged


def read_with_settings(
    path: Path,
    settings: Mapping[str, object] | None,
    parse: Callable[[Mapping[str, object], str], T],
) -> T:
    """Read a YAML file and lay settings over it.

    Args:
        path: of the file.
        settings: see :func:`parse_settings`; None or empty lays nothing over it.
        parse: called with plain values, and where they come from, for its messages.

    Raises:
        UserError: from the file, or from ``parse``: the file alone is checked first.
    """
    plain = read_yaml(path)
    parsed = parse(plain, str(path))
    return parse(lay_over(plain, settings), FLAG) if settings else parsed


def to_yaml(config: Strict) -> str:
    """Return a configuration as YAML that is read back to an equal one."""
    return yaml.safe_dump(msgspec.to_builtins(config), sort_keys=False, allow_unicode=True)
