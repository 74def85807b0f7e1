"""One colour for each stage, wherever it is drawn: the page of a run, the card, plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from udasa_data.schema import Stage


class Shade(NamedTuple):
    """A colour on a light ground and on a dark one, each with a contrast of 4.5 or more."""

    light: str
    dark: str


# blue, violet, ochre: apart in lightness, too, for who sees no colours
STAGE_COLOURS: Final[Mapping[Stage, Shade]] = {
    Stage.CONSERVATIVE: Shade("#0b5e96", "#7fbdf2"),
    Stage.MODERATE: Shade("#7a4fc0", "#c3a8f7"),
    Stage.EXPLORATORY: Shade("#8f5a00", "#e6b04c"),
}
