"""Staged DPO: one TRL trainer a stage, with guards before it and measures after it.

Recipes and presets are handed on here; what trains and measures needs torch and is imported from
its module (``run``, ``trainer``, ``measures``, ``rendering`` …), so that a mistake in a recipe is
reported at once.
"""

from .config import SFT, Recipe, options_of, parse_recipe, read_recipe
from .presets import Kind, find_recipe, known_presets, preset_path
from .settings import parse_settings, read_with_settings, to_yaml
from .stage_options import StageOptions

__all__ = [
    "SFT",
    "Kind",
    "Recipe",
    "StageOptions",
    "find_recipe",
    "known_presets",
    "options_of",
    "parse_recipe",
    "parse_settings",
    "preset_path",
    "read_recipe",
    "read_with_settings",
    "to_yaml",
]
