"""Preference data from a model's own answers: uncertainty-scored, stage-tagged, no annotators.

import udasa_data

result = udasa_data.build("tiny", prompts=["Why is the sky blue?"], samples=4, out="runs/demo")
result.pairs()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from udasa_data.config import BuildConfig, resolve
    from udasa_data.errors import UserError
    from udasa_data.pipeline import BuildResult
    from udasa_data.python import build, diff, merge, push, report, score, verify
    from udasa_data.schema import Stage
    from udasa_data.scoring import ScoreResult, score_file

__all__ = [
    "BuildConfig",
    "BuildResult",
    "ScoreResult",
    "Stage",
    "UserError",
    "build",
    "diff",
    "merge",
    "push",
    "report",
    "resolve",
    "score",
    "score_file",
    "verify",
]
__version__ = "0.1.0"

_HOME = {
    "BuildConfig": "config.build",
    "BuildResult": "pipeline.results",
    "ScoreResult": "scoring.existing_answers",
    "Stage": "schema",
    "UserError": "errors",
    "build": "python.building",
    "diff": "python.publishing",
    "merge": "python.building",
    "push": "python.publishing",
    "report": "python.publishing",
    "resolve": "config.presets",
    "score": "python.scoring",
    "score_file": "scoring.existing_answers",
    "verify": "python.publishing",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import udasa_data`` is instant."""
    if name in _HOME:
        return getattr(import_module(f"udasa_data.{_HOME[name]}"), name)
    raise AttributeError(f"module 'udasa_data' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Return what there is, for completion: the public names, imported or not."""
    return sorted({*globals(), *__all__})
