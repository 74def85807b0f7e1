"""How much of what was learnt the weights keep that are served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import torch

from .measures import Floats, answer_logps, on_gpu, release

T = TypeVar("T")
Row: TypeAlias = tuple[list[int], list[int]]  # prompt and answer
LEAST_KEPT: Final = 0.8  # below, a line says so
MAX_PAIRS: Final = 200


def kept_share(before: Floats, trained: Floats, served: Floats) -> float:
    """Return how much of what was learnt is left in the weights that are served.

    The slope, through the origin, of the change of log-probabilities in the served weights on the
    change in those that were trained: ⟨served − before, trained − before⟩ / ‖trained − before‖².

    Args:
        before: [N] log-probabilities of answers under the policy that training began with, nats.
        trained: the same of the weights as they were trained.
        served: the same of the weights as they are saved.

    Returns:
        1 where nothing is lost, about 0 where all is; noise of the rounding may take it above 1.
        NaN where nothing was learnt, or there are no pairs.
    """
    learnt = trained - before
    size = float(learnt @ learnt)
    return float((served - before) @ learnt) / size if size else float(np.nan)


def spread(rows: Sequence[T], most: int = MAX_PAIRS) -> list[T]:
    """Return an even spread of at most so many rows."""
    places = np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)
    return [rows[int(place)] for place in places]


def logps_of(load: Callable[[], Any], rows: Sequence[Row], pad: int) -> Floats | None:
    """Load a model, in float32, return its log-probabilities, [N] nats, and let go of it.

    In bfloat16 arithmetic, the noise of a sum over an answer is as large as a small change.

    Returns:
        None where the GPU has not enough memory for float32 weights.
    """
    found: Floats | None
    try:
        with on_gpu(load()) as model:
            found = answer_logps(model, rows, pad)
    except torch.OutOfMemoryError:
        found = None
    release()
    return found


def warning(kept: float | None) -> str | None:
    """Return a line that says that the served weights lost what was learnt; None: they did not."""
    if kept is None or not kept < LEAST_KEPT:
        return None
    return (
        f"the saved weights keep {kept:.2f} of the change of log-probabilities that was "
        "trained; save more bits (served: float32), or train longer or at a higher learning rate"
    )
