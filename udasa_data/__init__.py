"""Preference data from a model's own answers: uncertainty-scored, stage-tagged, no annotators.

from pathlib import Path
from udasa_data import build, resolve

result = build(resolve("tiny", {}), Path("runs/demo"))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from udasa_data.config import BuildConfig, resolve
    from udasa_data.errors import UserError
    from udasa_data.pipeline import BuildResult, build
    from udasa_data.schema import Stage
    from udasa_data.scoring import ScoreResult, score_file

__all__ = [
    "BuildConfig",
    "BuildResult",
    "ScoreResult",
    "Stage",
    "UserError",
    "build",
    "resolve",
    "score_file",
]
__version__ = "0.1.0"

_HOME = {
    "BuildConfig": "config.build",
    "BuildResult": "pipeline.building",
    "ScoreResult": "scoring.existing_answers",
    "Stage": "schema",
    "UserError": "errors",
    "build": "pipeline.building",
    "resolve": "config.presets",
    "score_file": "scoring.existing_answers",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import udasa_data`` is instant."""
    if name in _HOME:
        return getattr(import_module(f"udasa_data.{_HOME[name]}"), name)
    raise AttributeError(f"module 'udasa_data' has no attribute '{name}'")
