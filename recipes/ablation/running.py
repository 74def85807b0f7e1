"""Is it the staging? The controls, at equal numbers of steps, over several seeds.

One cell is one training; killed, the same call resumes with the next cell.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from udasa_data.config import read_bytes
from udasa_data.preflight import Lookups, Report, look_at_model, value_need
from udasa_data.runs import Run, key_of
from udasa_data.storage import remove_made, write_text
from udasa_data.terminal import echo, note_position

from ..staged import Recipe, find_recipe, read_recipe
from ..staged.folders import ABLATION, is_work_file
from ..staged.preflight import recipe_needs, training_items
from .cells import Cell, run_cell
from .config import Ablation
from .controls import Controls
from .gold import Question, read_questions


def ablate(config: Ablation, where: Path, run: Path, out: Path) -> list[Cell]:
    """Train and measure every cell that is not there yet; return all cells.

    Args:
        config: see :func:`read_ablation`.
        where: folder that ``config.recipe`` may be relative to.
        run: directory of a finished build.
        out: cells, datasets of the controls, table and plot.

    Raises:
        UserError: no finished build, or somebody else's files in ``out``; nothing is written.
    """
    recipe = read_recipe(find_recipe(config.recipe, where))
    folder = Run(out, ABLATION)
    folder.claim()
    _require(config, recipe, out)
    controls = Controls(run, out / "datasets")
    gold = find_recipe(config.gold, where, "gold") if config.gold else None
    questions = read_questions(gold) if gold else []
    with folder.locked():
        return _train_cells(config, recipe, controls, out, questions)


def _require(config: Ablation, recipe: Recipe, out: Path) -> None:
    """Look at the models that every cell needs, and at memory and disk; once.

    Raises:
        UserError: something is wrong; has a line for each fault.
    """
    if (out / "cells").is_dir():
        return
    judges = [value_need(f"judge {name}", ref) for name, ref in config.judges.items()]
    lookups = Lookups()
    models = [look_at_model(need, lookups) for need in (*recipe_needs(recipe), *judges)]
    download = sum(model.download for model in models)
    items = [model.item for model in models]
    Report((*items, *training_items(recipe, models[0], out, 1, download))).require()


def _train_cells(
    config: Ablation,
    recipe: Recipe,
    controls: Controls,
    out: Path,
    questions: Sequence[Question],
) -> list[Cell]:
    cells = []
    planned = [(seed, name) for seed in config.seeds for name in config.variants]
    parts = (recipe, config.steps, config.judges, questions, config.gold_tokens)
    key = key_of(*map(msgspec.to_builtins, parts if questions else parts[:3]))
    for number, (seed, name) in enumerate(planned, start=1):
        path = out / "cells" / f"{name}-{seed}-{key[:12]}-{controls.key[:12]}.json"
        if not path.is_file():
            started = time.monotonic()
            note_position(f"cell {number}/{len(planned)}: {name}, seed {seed}")
            cell = run_cell(name, seed, config, recipe, controls, out / "work", questions)
            text = json.dumps(msgspec.to_builtins(cell)) + "\n"
            write_text(path, text)
            remove_made(out / "work", is_work_file)
            spent = time.monotonic() - started
            echo(f"cell {number}/{len(planned)}: {name}, seed {seed}, {spent:.0f} s")
        cells.append(msgspec.json.decode(read_bytes(path), type=Cell))
    return cells
