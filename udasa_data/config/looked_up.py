"""What was seen of the names that ship, on the Hub and on GitHub, and what was not."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files

import msgspec
import yaml

from udasa_data.config.strict import Strict


class LookedUp(Strict, frozen=True):
    """One name: when it was looked up, what its pages said, and what could not be checked."""

    date: dt.date
    licence: str
    gated: bool
    seen: str
    unseen: str


class Names(Strict, frozen=True):
    """The content of ``looked_up.yaml``, by id."""

    models: dict[str, LookedUp]
    datasets: dict[str, LookedUp]


def read_looked_up() -> Names:
    """Return what is known of every name that ships."""
    text = files("udasa_data.config").joinpath("looked_up.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), Names)
