"""What a Python program or a notebook calls: the commands as functions, results as tables."""

from udasa_eval.python.comparing import Compared, compare
from udasa_eval.python.evaluating import run, score
from udasa_eval.python.evaluations import Evaluation

__all__ = [
    "Compared",
    "Evaluation",
    "compare",
    "run",
    "score",
]
