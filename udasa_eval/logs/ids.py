"""The ids of a file of scores: each stands there once, and 1 and "1" are one."""

from __future__ import annotations

import json
from pathlib import Path

from udasa_data.errors import UserError


class Ids:
    """Collects the ids of a file.

    Args:
        path: of the file, for errors.
        key: what the file calls them.

    Attributes:
        kinds: of the ids so far: "a number", "text".
    """

    def __init__(self, path: Path, key: str) -> None:
        self.kinds: set[str] = set()
        self._path, self._key = path, key
        self._first: dict[str, tuple[str, str]] = {}

    def add(self, item: object, where: str) -> str:
        """Return an id as text.

        Args:
            item: a number or a text.
            where: it stands: "line 3".

        Raises:
            TypeError: it is neither.
            UserError: it stood elsewhere before.
        """
        if item is None or isinstance(item, dict | list):
            raise TypeError("no name of an item")
        name, shown = str(item), json.dumps(item, ensure_ascii=False)
        if name in self._first:
            where_first, as_shown = self._first[name]
            raise UserError(
                f"{self._path}, {where}: {self._key} {shown} stands in {where_first}, too"
                f"{'' if as_shown == shown else f', as {as_shown}'}; one score an item is compared"
            )
        self._first[name] = where, shown
        self.kinds.add("text" if isinstance(item, str) else "a number")
        return name


def kinds_note(
    key: str, a: Path, b: Path, kinds_a: frozenset[str], kinds_b: frozenset[str]
) -> list[str]:
    """Return a line where the ids of two files are not of one kind."""
    if kinds_a == kinds_b:
        return []
    of_a, of_b = (" and ".join(sorted(kinds)) for kinds in (kinds_a, kinds_b))
    return [f"'{key}' is {of_a} in {a}, {of_b} in {b}: 1 and \"1\" are taken for one"]
