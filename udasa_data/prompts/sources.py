"""Where prompts and answers come from: ``[AXIS=]PLACE[:config/split][#column]``, told apart."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udasa_data.config import EMBEDDED, is_there, read_presets
from udasa_data.errors import UserError, nearest
from udasa_data.prompts.files import is_pattern, matches
from udasa_data.prompts.formats import stem_of
from udasa_data.schema import Axis
from udasa_data.storage import commit_of, did_you_mean, reads_as_path

_SOURCE: Final = re.compile(
    r"(?:(?P<axis>[a-z]+)=)?(?P<place>[^#:]+)(?::(?P<config>[^/#]*)(?:/(?P<split>[^#]+))?)?"
    r"(?:#(?P<column>.+))?"
)
_ADDRESS: Final = re.compile(
    r"(?:(?P<axis>[a-z]+)=)?(?P<place>[a-z][a-z0-9+.-]*://[^#]*)(?:#(?P<column>.+))?"
)
_AXIS: Final = re.compile(r"([a-z]+)=")
_PART: Final = re.compile(r"([^/#]*)(?:/([^#]+))?")
_ON_HUB: Final = re.compile(  # as an address, also that of its page
    r"(?:hf://datasets|https://(?:huggingface\.co|hf\.co)/datasets)/([\w.-]+/[\w.-]+)/?"
)
_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
_LONGEST: Final = 4096  # characters of a path


@dataclass(frozen=True)
class Source:
    """A parsed ``[AXIS=]PLACE[:config/split][#column]``; its text is the place."""

    name: str  # as recorded in the tables
    place: str  # path, pattern, address, Hub id, or embedded:NAME
    config: str | None = None
    split: str | None = None
    column: str | None = None
    axis: str | None = None

    def __str__(self) -> str:
        return self.place

    @property
    def is_local(self) -> bool:
        """Whether the source is files rather than a Hub dataset."""
        is_id = _HUB_ID.fullmatch(self.place) is not None
        return not is_id or is_there(self.place) or reads_as_path(self.place)

    @property
    def stem(self) -> str:
        """What a run of it may be called."""
        return stem_of(self.name.rpartition("/")[2].partition("?")[0])


def file_source(path: Path) -> Source:
    """Return a file or folder by its very path, whatever signs are in it."""
    return Source(path.name, str(path))


def parse_source(text: str) -> Source:
    """Parse one ``--prompts`` value.

    A path that is there is read as itself, whatever it has of the signs ``= # : @ [ *``.

    Raises:
        UserError: not a preset, nothing that is there, and not the form of a path or a Hub id.
    """
    known = read_presets().prompts
    if text not in known:
        return _parsed("prompts", text, known)
    preset = known[text]
    if preset.source.startswith(EMBEDDED):
        return Source(text, preset.source)
    source = parse_source(preset.source)
    return Source(text, source.place, source.config, source.split, source.column, preset.axis)


def parse_answers(text: str) -> tuple[Source, list[str]]:
    """Parse ``PLACE[:config/split][#column,…]``: where answers are, and the columns they are in.

    Raises:
        UserError: as of :func:`parse_source`; or an axis, which a column says for answers.
    """
    source = _parsed("answers", text, ())
    if source.axis:
        raise UserError(f"answers '{text}': an axis is read from a column 'axis', not from AXIS=")
    return source, [name.strip() for name in (source.column or "").split(",") if name.strip()]


def _parsed(what: str, text: str, presets: Collection[str]) -> Source:
    source = _there(text) or _by_form(what, text)
    if source.axis and source.axis not in set(Axis):
        raise UserError(
            f"{what} '{text}': unknown axis '{source.axis}'{nearest(source.axis, Axis)}"
        )
    place = source.place
    if not source.is_local or "://" in place or place.startswith(EMBEDDED):
        return source
    if not (_is_there(place) or reads_as_path(place) or is_pattern(place)):
        near = did_you_mean(place) if "/" not in place else ""
        hint = near or (nearest(place, presets) if presets else "")
        no_preset = " and no such preset" if presets else ""
        raise UserError(
            f"{what} '{text}': no such file{no_preset}{hint}; a Hub dataset reads ORG/NAME"
        )
    return source


def _by_form(what: str, text: str) -> Source:
    """Return what a text says by its signs alone."""
    match = _ADDRESS.fullmatch(text) or _SOURCE.fullmatch(text)
    if match is None:
        raise UserError(f"{what} '{text}': cannot be read as [AXIS=]PLACE[:config/split][#column]")
    part = match.groupdict()
    place = part["place"]
    if on_hub := _ON_HUB.fullmatch(place):
        place = on_hub[1]
    elif "://" not in place:
        place = os.path.expanduser(place)  # noqa: PTH111 - no user may raise
    config = part.get("config") or None
    return Source(place, place, config, part.get("split"), part["column"], part["axis"])


def _there(text: str) -> Source | None:
    """Return the reading of a text whose place is there, of several that of the longest place."""
    if "://" in text or len(text) > _LONGEST:
        return None
    for axis, place, part, column in _readings(text):
        split = _PART.fullmatch(part)
        path = os.path.expanduser(place)  # noqa: PTH111
        if split and _is_there(path):
            name = path if not is_there(path) else Path(path).name or Path(path).resolve().name
            return Source(name, path, split[1] or None, split[2], column, axis)
    return None


def _readings(text: str) -> Iterator[tuple[str | None, str, str, str | None]]:
    """Yield axis, place, configuration with split, and column, the longest place first."""
    axis = _AXIS.match(text)
    for name, rest in ((None, text), *([(axis[1], text[axis.end() :])] if axis else [])):
        for before, column in _cuts(rest, "#"):
            for place, part in _cuts(before, ":"):
                yield name, place, part or "", column


def _cuts(text: str, sign: str) -> Iterator[tuple[str, str | None]]:
    """Yield a text whole, then what is before and after each of a sign in it, from the last on."""
    yield text, None
    for at in range(len(text) - 1, 0, -1):
        if text[at] == sign and at + 1 < len(text):
            yield text[:at], text[at + 1 :]


def _is_there(place: str) -> bool:
    return is_there(place) or (is_pattern(place) and bool(matches(place)))


def fingerprint(source: Source) -> str:
    """Return the commit of a Hub dataset, or ``local`` (the rows of files are hashed anyway)."""
    return "local" if source.is_local else commit_of(source.place, "main", "dataset")
