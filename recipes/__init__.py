"""Recipes: how the models are trained.

import udasa_recipes

trained = udasa_recipes.dpo("tiny", data="runs/demo/dataset", out="runs/policy")
print(trained.matrix())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cli.calling import Trained, dpo

__all__ = ["Trained", "dpo"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import udasa_recipes`` is instant."""
    if name in __all__:
        return getattr(import_module(".cli.calling", __name__), name)
    raise AttributeError(f"module 'udasa_recipes' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Return what there is, for completion: the public names, imported or not."""
    return sorted({*globals(), *__all__})
