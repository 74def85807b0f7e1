"""All that a training will need, looked at before weights are fetched: all faults at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from udasa_data.config import ModelRef, Sampling
from udasa_data.errors import UserError
from udasa_data.preflight import (
    POLICY,
    Demand,
    Item,
    Lookups,
    ModelFound,
    ModelNeed,
    Report,
    collected,
    disk_items,
    look_at_model,
    look_at_pair,
    memory_here,
    memory_items,
    nli_need,
)
from udasa_data.prompts import peek_hub
from udasa_data.storage import cache_folder

from .config import SFT, Recipe, options_of
from .data import COLUMNS, load_split, open_source
from .ledger import Ledger
from .stage_options import PREVIOUS

_WAY_OUT: Final = "train adapters (lora), shard it (--launch fsdp2), or take a smaller model"
FULL: Final = 4  # copies of the weights: they, their gradients, two moments


def require_recipe(recipe: Recipe, place: str, out: Path, processes: int = 1) -> None:
    """Check what a run of staged DPO needs; one that was begun has been checked.

    Args:
        recipe: of the run.
        place: the dataset: a folder, or a Hub id.
        out: its folder.
        processes: over which the weights are sharded.

    Raises:
        UserError: something is wrong; has a line for each fault.
    """
    if not is_main() or Ledger(out).record is not None:
        return
    lookups = Lookups()
    models = [look_at_model(need, lookups) for need in recipe_needs(recipe)]
    items = [model.item for model in models]
    items.append(_dataset(recipe, place, lookups))
    items += training_items(recipe, models[0], out, processes, sum(m.download for m in models))
    items += _pair(recipe, models[0])
    Report(tuple(items)).require()


def is_main() -> bool:
    """Return whether this process is the first, or the only one, of a launch."""
    return os.environ.get("RANK", "0") == "0"


def recipe_needs(recipe: Recipe) -> list[ModelNeed]:
    """Return the models that a recipe loads, the policy first."""
    needs = [ModelNeed(POLICY, recipe.policy, "policy")]
    named = (options_of(recipe, name).reference for name in recipe.order)
    for reference in dict.fromkeys(named):
        if reference not in {PREVIOUS, SFT}:
            needs.append(ModelNeed("reference", ModelRef(id=reference), "policy"))
    if recipe.measures.prompts and recipe.measures.nli:
        needs.append(nli_need(recipe.measures.nli))
    return needs


def training_items(
    recipe: Recipe, policy: ModelFound, out: Path, processes: int, download: int
) -> list[Item]:
    """Return the lines of memory and disk.

    Memory: the weights, and of those that are trained gradients and two moments beside them; what
    a batch takes comes on top. Disk: the final policy and the last stage's, and of all weights one
    checkpoint with its moments.
    """
    room = memory_here()
    numbers = policy.parameters or 0
    width = 2 if _is_bfloat16(recipe, on_gpu=room.is_gpu) else 4
    copies, kept = (1, 2) if recipe.lora else (FULL, 2 + FULL - 1)
    if room.is_gpu:
        room = room._replace(bytes=room.bytes * processes)
    return [
        *memory_items([Demand("training", numbers * width * copies, room)], _WAY_OUT),
        *disk_items(download, cache_folder(), numbers * width * kept, out),
    ]


def _is_bfloat16(recipe: Recipe, *, on_gpu: bool) -> bool:
    """Return whether weights are held in bfloat16: as ``launched.compute_dtype``, without torch."""
    return recipe.weights == "bfloat16" or (
        recipe.weights == "auto" and recipe.lora is not None and on_gpu
    )


def _dataset(recipe: Recipe, place: str, lookups: Lookups) -> Item:
    """Return the line of the dataset: of a folder it is read, of the Hub its first rows."""
    faults: list[str] = []
    commit = licence = None
    if Path(place).expanduser().is_dir() or place.count("/") != 1:
        with collected(faults):
            source = open_source(place)
            for name in recipe.order:
                with collected(faults):
                    load_split(source, name)
    else:
        with collected(faults):
            listing = lookups.listing(place, recipe.revision, "dataset")
            commit, licence = listing.commit, listing.licence
            for name in recipe.order:
                with collected(faults):
                    _require_columns(place, name, str(commit))
    return Item(
        what="dataset",
        id=place,
        revision=commit,
        licence=licence,
        detail=", ".join(recipe.order),
        faults=tuple(faults),
    )


def _require_columns(place: str, name: str, commit: str) -> None:
    found = peek_hub(place, name, "train", commit).columns
    if missing := [column for column in COLUMNS if column not in found]:
        raise UserError(
            f"{place}, {name}: column '{missing[0]}' is missing; this recipe trains on datasets of "
            "udasa-data build (its columns: udasa_data/schema.py, PAIRS)"
        )


def _pair(recipe: Recipe, policy: ModelFound) -> Sequence[Item]:
    if policy.located is None or policy.item.faults:
        return ()
    asked = Sampling(chat_template_kwargs=recipe.chat_template_kwargs or {})
    return look_at_pair(policy.located, asked, None, asks=True).items
