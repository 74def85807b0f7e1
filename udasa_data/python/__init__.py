"""What a Python program or a notebook calls: the commands as functions, rows as tables."""

from udasa_data.python.building import build, merge
from udasa_data.python.publishing import diff, push, report, verify
from udasa_data.python.scoring import score

__all__ = [
    "build",
    "diff",
    "merge",
    "push",
    "report",
    "score",
    "verify",
]
