"""The constitution: the principles that the policy judges its own answers by."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from udasa_data.config.build import EMBEDDED, Judge
from udasa_data.config.strict import Strict, convert, read_yaml
from udasa_data.errors import UserError, nearest


class Principle(Strict, frozen=True):
    """One sentence about an answer, of which can be asked whether the answer violates it."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
    statement: Annotated[str, Meta(min_length=1)]
    source: str = ""  # what inspired it


class Constitution(Strict, frozen=True):
    """The content of a constitution file, most important principle first."""

    principles: Annotated[tuple[Principle, ...], Meta(min_length=1)]


def principles_of(judge: Judge) -> tuple[Principle, ...]:
    """Return the principles that a judge is to ask about, in the order of its constitution.

    Raises:
        UserError: no such file, a malformed one, an id given twice or not in it.
    """
    path = _path(judge.constitution)
    known = convert(read_yaml(path), Constitution, str(path)).principles
    ids = [principle.id for principle in known]
    for n, name in enumerate(ids):
        if name in ids[:n]:
            raise UserError(f"{path}: two principles have the id '{name}'")
    if isinstance(judge.principles, int):
        return known[: judge.principles]
    for name in judge.principles:
        if name not in ids:
            raise UserError(f"judge.principles: {path} has no '{name}'{nearest(name, ids)}")
    return tuple(principle for principle in known if principle.id in judge.principles)


def _path(constitution: str) -> Path:
    if not constitution.startswith(EMBEDDED):
        return Path(constitution).expanduser()
    if constitution != f"{EMBEDDED}constitution":
        raise UserError(
            f"judge.constitution: no embedded '{constitution}' (known: {EMBEDDED}constitution)"
        )
    return Path(str(files("udasa_data.config").joinpath("constitution.yaml")))
