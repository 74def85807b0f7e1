"""An evaluation as a whole: its options, what it needs, its two passes."""

from udasa_eval.running.evaluation import check, run, score
from udasa_eval.running.options import RunOptions, axes_of, tasks_of

__all__ = [
    "RunOptions",
    "axes_of",
    "check",
    "run",
    "score",
    "tasks_of",
]
