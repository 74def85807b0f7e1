"""Evaluation on four axes: harmlessness, helpfulness, truthfulness, controlled sentiment.

import udasa_eval

before = udasa_eval.run("tiny", suite="tiny", out="runs/before")
before.metrics()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from udasa_data.errors import UserError
    from udasa_eval.python import Compared, Evaluation, compare, run, score
    from udasa_eval.results import Results, read_results
    from udasa_eval.running import RunOptions
    from udasa_eval.stats import Comparison, Interval, mean_interval

__all__ = [
    "Compared",
    "Comparison",
    "Evaluation",
    "Interval",
    "Results",
    "RunOptions",
    "UserError",
    "compare",
    "mean_interval",
    "read_results",
    "run",
    "score",
]
__version__ = "0.1.0"

_HOME = {
    "Compared": "udasa_eval.python.comparing",
    "Comparison": "udasa_eval.stats",
    "Evaluation": "udasa_eval.python.evaluations",
    "Interval": "udasa_eval.stats",
    "Results": "udasa_eval.results.folder",
    "RunOptions": "udasa_eval.running.options",
    "UserError": "udasa_data.errors",
    "compare": "udasa_eval.python.comparing",
    "mean_interval": "udasa_eval.stats",
    "read_results": "udasa_eval.results.folder",
    "run": "udasa_eval.python.evaluating",
    "score": "udasa_eval.python.evaluating",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import udasa_eval`` is instant."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'udasa_eval' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Return what there is, for completion: the public names, imported or not."""
    return sorted({*globals(), *__all__})
