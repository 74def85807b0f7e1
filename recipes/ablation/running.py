"""Is it the staging? The controls, at equal numbers of steps, over several seeds.

python recipes/ablate.py --config recipes/tiny/ablate.yaml --run runs/demo --out runs/ablation

One cell is one training; killed, the same command goes on with the next cell.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final

if __name__ == "__main__":  # started as a file, its own folder is where Python looks
    sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
from msgspec import Meta

from udasa_data.config import Strict, ValueRef, convert, read_yaml
from udasa_data.errors import UserError, nearest
from udasa_data.runs import key_of

VARIANTS: Final = (
    "staged", "reversed", "shuffled", "only_conservative", "only_moderate", "only_exploratory",
    "random_pairs", "random_stages", "without_semantic", "without_factual", "without_value",
    "reference_sft",
)  # fmt: skip


class Ablation(Strict, frozen=True):
    """What is compared."""

    recipe: str  # of staged DPO, beside this file or from the working directory
    steps: Annotated[int, Meta(ge=3)]  # of the optimizer, in every cell; a multiple of 3
    judges: dict[str, ValueRef]  # independent scorers of the chat answers
    seeds: Annotated[tuple[int, ...], Meta(min_length=1)] = (0, 1, 2)
    variants: tuple[str, ...] = VARIANTS

    def __post_init__(self) -> None:
        if self.steps % 3:
            raise ValueError("key 'steps': not a multiple of 3, the number of stages")


def read_ablation(path: Path) -> Ablation:
    """Read the configuration.

    Raises:
        UserError: an unknown key or variant, or a wrong value.
    """
    config = convert(read_yaml(path), Ablation, where=str(path))
    for name in config.variants:
        if name not in VARIANTS:
            raise UserError(f"{path}: unknown variant '{name}'{nearest(name, VARIANTS)}")
    if "staged" not in config.variants:
        raise UserError(f"{path}: 'staged' must be among the variants: all are held against it")
    return config


def ablate(config: Ablation, where: Path, run: Path, out: Path) -> list[Any]:
    """Train and measure every cell that is not there yet; return all cells.

    Args:
        config: see :func:`read_ablation`.
        where: folder that ``config.recipe`` may be relative to.
        run: directory of a finished build.
        out: cells, datasets of the controls, table and plot.
    """
    from udasa_data.storage import write_text

    from ..staged.config import read_recipe
    from .cells import Cell, Controls, run_cell

    found = [p for p in (where / config.recipe, Path(config.recipe)) if p.is_file()]
    if not found:
        raise UserError(f"recipe '{config.recipe}': no such file")
    recipe = read_recipe(found[0])
    controls = Controls(run, out / "datasets")
    cells = []
    todo = [(seed, name) for seed in config.seeds for name in config.variants]
    for at, (seed, name) in enumerate(todo, start=1):
        key = key_of(msgspec.to_builtins(recipe), config.steps, msgspec.to_builtins(config.judges))
        path = out / "cells" / f"{name}-{seed}-{key[:12]}-{controls.key[:12]}.json"
        if not path.is_file():
            started = time.monotonic()
            cell = run_cell(name, seed, config, recipe, controls, out / "work")
            text = json.dumps(msgspec.to_builtins(cell)) + "\n"
            write_text(path, text)
            shutil.rmtree(out / "work")
            spent = time.monotonic() - started
            print(f"cell {at}/{len(todo)}: {name}, seed {seed}, {spent:.0f} s", flush=True)
        cells.append(msgspec.json.decode(path.read_bytes(), type=Cell))
    return cells


def main() -> None:
    """Run the ablation, print its table, save it and its plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="directory of a finished build")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    from ..staged_dpo import quiet

    quiet()
    try:
        cells = ablate(read_ablation(given.config), given.config.parent, given.run, given.out)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on with the next cell")
    from .report import plot, summarise, table

    rows = summarise(cells)
    text = table(rows)
    print(text)
    (given.out / "ablation.txt").write_text(text + "\n", encoding="utf-8")
    plot(rows, given.out / "ablation.png")
    print(f"plot: {given.out / 'ablation.png'}")


if __name__ == "__main__":
    main()
