"""One stage of a run, as its trainer gets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from .stage_options import StageOptions


class Stage(NamedTuple):
    """What one stage is trained from.

    Attributes:
        name: of the stage, for messages.
        number: from 1.
        options: of the stage.
        folder: where its checkpoints and its policy go.
        model: the policy as the stage begins, plain or with an adapter.
        reference: a loaded model, or None where the policy as it begins is the reference.
        peft_config: of a new adapter; None trains all weights, or the adapter that is there.
        rows: what it is trained on.
        held_out: the stage's test rows, for early stopping; None without.
        at_zero: the policy begins as its reference.
    """

    name: str
    number: int
    options: StageOptions
    folder: Path
    model: Any
    reference: Any | None
    peft_config: Any | None
    rows: Any
    held_out: Any | None
    at_zero: bool
