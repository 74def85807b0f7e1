"""The curves of training: every step's figures as a table, and as a picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl
from transformers import TrainerCallback

from udasa_data.storage import read_parquet, write_atomically

from .folders import CURVES, PICTURE

_SPEED: Final = "tokens_per_second"
_LOGGED: Final = {
    "loss": "loss",
    "rewards/margins": "margin",
    "rewards/accuracies": "accuracy",
    "rewards/chosen": "reward_chosen",
    "rewards/rejected": "reward_rejected",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "epoch": "epoch",
    "num_tokens": "tokens",
    _SPEED: _SPEED,
}
_DRAWN: Final = ("loss", "margin", "accuracy", "kl_proxy", "grad_norm", "learning_rate")


class Speed(TrainerCallback):  # type: ignore[misc]
    """Puts tokens a second into the trainer's own log, which its checkpoints keep."""

    def __init__(self) -> None:
        self.before: tuple[float, float] | None = None  # seconds, tokens

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        """Add the speed since the last step that was logged; the first has none."""
        if not logs or "num_tokens" not in logs or "loss" not in logs:
            return
        now = time.monotonic(), float(logs["num_tokens"])
        if self.before is not None and now[0] > self.before[0]:
            speed = (now[1] - self.before[1]) / (now[0] - self.before[0])
            state.log_history[-1][_SPEED] = speed
        self.before = now


def steps_of(history: Sequence[dict[str, Any]], stage: str, beta: float) -> pl.DataFrame:
    """Return a row a step of a stage.

    Args:
        history: the trainer's log.
        stage: its name.
        beta: of its rewards.

    Returns:
        loss, margin, accuracy, rewards (β times nats), grad_norm, learning_rate, epoch, tokens so
        far, tokens_per_second; and ``kl_proxy``, the mean of log π_ref/π over both answers, nats:
        an estimate of KL(π_ref ‖ π) where the answers are the reference's own. Null where a step
        has no such figure.
    """
    rows = [entry for entry in history if "loss" in entry]
    columns = {
        ours: pl.Series([row.get(theirs) for row in rows], dtype=pl.Float64, strict=False)
        for theirs, ours in _LOGGED.items()
    }
    steps = pl.Series([row["step"] for row in rows], dtype=pl.Int64)
    table = pl.DataFrame({"step": steps, **columns})
    rewards = pl.col("reward_chosen") + pl.col("reward_rejected")
    return table.select(
        pl.lit(stage).alias("stage"), pl.all(), (-rewards / (2 * beta)).alias("kl_proxy")
    )


def add_steps(out: Path, table: pl.DataFrame) -> None:
    """Put a stage's steps into the run's table, in place of earlier ones, and draw them all."""
    path = out / CURVES
    if path.is_file():
        known = read_parquet(path).filter(~pl.col("stage").is_in(table["stage"].unique().to_list()))
        table = pl.concat([known, table])
    write_atomically(path, table.write_parquet)
    write_atomically(out / PICTURE, partial(draw, table))


def draw(table: pl.DataFrame, path: Path) -> None:
    """Draw the curves of all stages one after another."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    panels = figure.subplots(2, 3).flatten()
    start = 0
    for (stage,), rows in table.group_by("stage", maintain_order=True):
        for panel, name in zip(panels, _DRAWN, strict=True):
            panel.plot(start + rows["step"].to_numpy(), rows[name].to_numpy(), label=stage)
        start += int(rows["step"].max() or 0)  # type: ignore[arg-type]
    for panel, name in zip(panels, _DRAWN, strict=True):
        panel.set_title(name)
        panel.set_xlabel("step")
    panels[0].legend()
    figure.savefig(path, dpi=100, format="png")
