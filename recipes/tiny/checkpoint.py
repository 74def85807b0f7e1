"""Checkpoints of a training: written whole or not at all, removed when the model is saved.

A training that was killed resumes from its last checkpoint when the same command is given again.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from udasa_data.scorers.models import resolve_precision

EVERY: Final = 50  # steps between points of the learning curve
SECONDS: Final = 60  # between checkpoints, at least: one of a large model takes some to write


class Checkpoint:
    """The state of one training, in one file beside the model's folder.

    Args:
        out: the folder that the finished model will have.
        settings: all that decides the result; a checkpoint of other settings is not taken.
        parts: model, optimizers, schedules: whatever has ``state_dict``.
    """

    def __init__(self, out: Path, settings: dict[str, Any], parts: Sequence[Any]) -> None:
        self.file = out.with_name(f".{out.name}.checkpoint")
        self.settings = json.dumps(settings, sort_keys=True)
        self.parts = parts
        self.saved = -math.inf  # when

    def resume(self) -> tuple[int, list[tuple[int, float]]]:
        """Load the last state. Returns (steps done, the learning curve so far): (0, []) if none."""
        if not self.file.is_file():
            return 0, []
        state = torch.load(self.file, weights_only=True)  # tensors and plain values, no code
        if state["settings"] != self.settings:
            return 0, []
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        torch.set_rng_state(state["random"])
        print(f"resumed at step {state['step']}", flush=True)
        return state["step"], [tuple(point) for point in state["curve"]]

    def save(self, step: int, curve: list[tuple[int, float]], *, last: bool = False) -> None:
        """Save the state after ``step`` steps, unless the last one saved is still fresh."""
        if time.monotonic() - self.saved < SECONDS and not last:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(".new")
        state = {
            "settings": self.settings,
            "parts": [part.state_dict() for part in self.parts],
            "random": torch.get_rng_state(),
            "step": step,
            "curve": curve,
        }
        torch.save(state, fresh)
        fresh.replace(self.file)
        self.saved = time.monotonic()

    def finish(self, out: Path, facts: dict[str, Any]) -> None:
        """Write what the card reports of the training, and remove the checkpoint."""
        curve = [(step, round(loss, 4)) for step, loss in facts["loss"]]
        text = json.dumps({**facts, "loss": curve}, indent=1) + "\n"
        (out / "training.json").write_text(text, encoding="utf-8")
        self.file.unlink(missing_ok=True)


def device() -> torch.device:
    """Return the GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half_precision(where: torch.device) -> torch.autocast:
    """Return the context of a training step: bfloat16 where the processor multiplies it natively.

    Elsewhere it is many times slower than float32.
    """
    return torch.autocast(
        where.type, torch.bfloat16, enabled=resolve_precision("auto") == "bfloat16"
    )
