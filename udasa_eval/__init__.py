"""Evaluation on four axes: harmlessness, helpfulness, truthfulness, controlled sentiment."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from udasa_eval.results import Results, read_results
    from udasa_eval.running import RunOptions, run, score
    from udasa_eval.stats import Comparison, Interval, compare, mean_interval

__all__ = [
    "Comparison",
    "Interval",
    "Results",
    "RunOptions",
    "compare",
    "mean_interval",
    "read_results",
    "run",
    "score",
]
__version__ = "0.1.0"

_HOME = {
    "Comparison": "stats",
    "Interval": "stats",
    "Results": "results.folder",
    "RunOptions": "running.options",
    "compare": "stats",
    "mean_interval": "stats",
    "read_results": "results.folder",
    "run": "running.evaluation",
    "score": "running.evaluation",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import udasa_eval`` is instant."""
    if name in _HOME:
        return getattr(import_module(f"udasa_eval.{_HOME[name]}"), name)
    raise AttributeError(f"module 'udasa_eval' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Return what there is, for completion: the public names, imported or not."""
    return sorted({*globals(), *__all__})
