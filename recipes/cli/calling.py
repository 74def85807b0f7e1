"""``udasa_recipes.dpo(...)``: the command of this name as a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage import read_parquet
from udasa_data.terminal import python_words

from .options import chosen_file
from .running import check_packages, quiet

if TYPE_CHECKING:
    from ..staged.ledger import Record


@dataclass(frozen=True)
class Trained:
    """A policy that is trained.

    Attributes:
        out: its folder, which is a model like any other.
        record: what each stage began from, was trained on and came to: ``stages.json``.
    """

    out: Path
    record: Record

    def __repr__(self) -> str:
        stages = ", ".join(f"{stage.name} {stage.steps} steps" for stage in self.record.stages)
        return f"Trained({str(self.out)!r}: {stages})"

    def matrix(self) -> str:
        """Return what each stage did to the held-out pairs of all, as the command prints it."""
        from ..staged.report import matrix

        return matrix(self.record)

    def steps(self) -> pl.DataFrame:
        """Return every step's figures: stage, loss, margin, accuracy, …; ``training.parquet``."""
        from ..staged.folders import CURVES

        return read_parquet(self.out / CURVES)


def dpo(
    model: str | None = None,
    data: Any = None,
    out: str | Path | None = None,
    *,
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Trained:
    """Train a policy by DPO, stage after stage, as ``udasa-train dpo`` does in one process.

    May be stopped at any moment: the same call resumes where it was. Several GPUs are the
    command's (``--launch``).

    Args:
        model: a packaged recipe by its model: tiny, mistral, …
        data: what ``udasa_data.build`` gave, a dataset's folder, or ORG/NAME of the Hub.
        out: the folder of the trained policy.
        config: a recipe of your own, in the packaged one's place.
        settings: laid over the recipe: ``{"training": {"steps": 100}}``.

    Raises:
        UserError: something the user can put right; what is finished stays.
    """
    with python_words("dpo"):
        from msgspec.structs import replace

        from ..staged import read_recipe

        path = chosen_file(model, None if config is None else Path(config), "staged_dpo")
        recipe = read_recipe(path, dict(settings or {}))
        place = recipe.dataset if data is None else str(getattr(data, "folder", data))
        if place is None:
            raise UserError("--data is missing: a dataset of udasa_data.build")
        if out is None:
            raise UserError("--out is missing: the folder of the trained policy")
        check_packages()
        quiet()
        from ..staged.preflight import require_recipe
        from ..staged.run import StagedRun

        recipe = replace(recipe, dataset=place)
        require_recipe(recipe, place, Path(out))
        return Trained(Path(out), StagedRun(recipe, place, Path(out)).train_and_save())
