"""An evaluation as a whole: its options, what it needs, its two passes."""

from udasa_eval.running.evaluation import check, run, score
from udasa_eval.running.options import RunOptions, axes_of, default_folder, tasks_of
from udasa_eval.running.projecting import plan
from udasa_eval.running.projection import JudgeNeed, Projection, TaskNeed

__all__ = [
    "JudgeNeed",
    "Projection",
    "RunOptions",
    "TaskNeed",
    "axes_of",
    "check",
    "default_folder",
    "plan",
    "run",
    "score",
    "tasks_of",
]
