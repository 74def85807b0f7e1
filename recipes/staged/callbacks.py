"""What runs beside a stage's training: the check of its first step, and marks on checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from accelerate import PartialState
from transformers import TrainerCallback

from udasa_data.config import read_bytes
from udasa_data.storage import made_in, parse_json, remove_made, spot_sha256, write_text
from udasa_data.terminal import echo, note_position

from .config import Recipe
from .folders import CHECKPOINTS, COMPLETE, is_checkpoint, is_checkpoint_file, is_model_file
from .launched import tolerance
from .references import check_first_step
from .stage import Stage

_KEPT: Final = 2  # checkpoints: the last one may be cut short


class FirstStep(TrainerCallback):  # type: ignore[misc]
    """Reads the first step's loss, and stops a stage that does not begin at its reference.

    TRL logs a step's loss as it was before the step's update.
    """

    def __init__(
        self, stage: Stage, recipe: Recipe, note: Callable[[dict[str, float]], None]
    ) -> None:
        self.stage = stage
        self.recipe = recipe
        self.note = note  # at once: a run that is killed later must not lose it

    def on_log(self, args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        """Check the first step; print some of them."""
        if not logs or "loss" not in logs:
            return
        if state.global_step == 1:
            wanted = ("loss", "rewards/chosen", "rewards/rejected", "rewards/margins")
            seen = {key: float(logs[key]) for key in wanted}
            if self.stage.at_zero:
                options = self.stage.options
                weights = options.loss_weights or [1.0] * len(options.loss)
                allowed = tolerance(self.recipe, args.mixed_precision)
                check_first_step(options.loss, weights, options.beta, seen, allowed)
            self.note(seen)
        often = min(10, max(1, state.max_steps // 4))  # a short stage is seen, too
        shown = state.global_step in {1, state.max_steps} or state.global_step % often == 0
        if state.is_world_process_zero and shown:
            position = f"{self.stage.name}: step {state.global_step}/{state.max_steps}"
            note_position(position)
            margin = logs["rewards/margins"]
            echo(f"{position}, loss {logs['loss']:.4f}, margin {margin:+.4f}")


class MarkComplete(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint once all of it is written: a killed run resumes from marked ones alone.

    TRL's frozen ``ref`` adapter is taken out first: where a checkpoint holds a second adapter,
    transformers 5.19 loads that one alone, and the trained adapter would silently begin again. What
    ``ref`` holds is known without it: the policy as the stage began.
    """

    def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Mark the checkpoint of this step with the hashes of its files."""
        PartialState().wait_for_everyone()  # each process writes a part of it
        if state.is_world_process_zero:
            checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            remove_made(checkpoint / "ref", lambda file: is_model_file(f"ref/{file}"))
            write_text(checkpoint / COMPLETE, json.dumps(_hashes(checkpoint)))
            best = Path(state.best_model_checkpoint or "").name
            remove_older(Path(args.output_dir), best)


def remove_older(checkpoints: Path, best: str = "") -> None:
    """Delete all but the latest checkpoints, each file by file: transformers takes whole folders.

    Args:
        checkpoints: the folder that holds them.
        best: name of one that stays.
    """
    names = [path.name for path in checkpoints.iterdir() if is_checkpoint(path.name)]
    steps = sorted(int(name.removeprefix("checkpoint-")) for name in names)
    for name in (f"checkpoint-{step}" for step in steps[:-_KEPT]):
        if name != best:
            remove_made(checkpoints / name, partial(_is_of_checkpoint, name))


def last_checkpoint(folder: Path, *, main: bool) -> str | None:
    """Return the latest whole checkpoint of a stage; those cut short are removed."""
    whole: dict[int, Path] = {}
    for path in (folder / CHECKPOINTS).glob("checkpoint-*"):
        if path.is_symlink() or not is_checkpoint(path.name):
            continue
        if _is_whole(path):
            whole[int(path.name.removeprefix("checkpoint-"))] = path
        elif main:
            remove_made(path, partial(_is_of_checkpoint, path.name))
    return str(whole[max(whole)]) if whole else None


def _hashes(checkpoint: Path) -> dict[str, str]:
    """Return the hash of each file that a trainer saved in a checkpoint, by its path there."""
    return {
        path.relative_to(checkpoint).as_posix(): spot_sha256(path)
        for path in made_in(checkpoint, partial(_is_of_checkpoint, checkpoint.name))
        if path.name != COMPLETE
    }


def _is_whole(checkpoint: Path) -> bool:
    """Return whether a checkpoint was written to its end, and is as it was written."""
    try:
        return bool(parse_json(read_bytes(checkpoint / COMPLETE)) == _hashes(checkpoint))
    except (OSError, ValueError):
        return False


def _is_of_checkpoint(checkpoint: str, file: str) -> bool:
    return is_checkpoint_file(f"{checkpoint}/{file}")
