"""`udasa-train dpo`: staged DPO on a dataset of `udasa-data build`."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from udasa_data.errors import UserError
from udasa_data.terminal import echo

from .launching import Launch, launched
from .options import (
    ConfigOption,
    DryRunOption,
    LaunchOption,
    OutOption,
    PresetOption,
    ProcessesOption,
    SetOption,
    chosen_file,
    needed,
)
from .running import check_packages, is_installed

if TYPE_CHECKING:
    from ..staged import Recipe


def dpo(
    model: PresetOption = None,
    config: ConfigOption = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|ORG/NAME",
            help="The dataset: a build's, or one of the Hub. [the recipe's]",
        ),
    ] = None,
    out: OutOption = None,
    settings: SetOption = None,
    push: Annotated[
        str | None, typer.Option(metavar="ORG/NAME", help="Upload the final policy there.")
    ] = None,
    push_adapter: Annotated[
        bool, typer.Option("--push-adapter", help="With --push: the adapter alone.")
    ] = False,
    push_stages: Annotated[
        bool, typer.Option("--push-stages", help="With --push: each stage too, as a branch.")
    ] = False,
    launch: LaunchOption = None,
    processes: ProcessesOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Train a policy by DPO, stage after stage. Killed? The same command resumes."""
    from ..staged import to_yaml

    path = chosen_file(model, config, "staged_dpo")
    recipe = _recipe(path, settings or [], data)
    if dry_run:
        echo(to_yaml(recipe), end="")
        return
    folder = needed(out, "--out", "the folder of the trained policy")
    if recipe.dataset is None:
        raise UserError(f"{path}: names no dataset; give --data FOLDER|ORG/NAME")
    _require_able(recipe, push, adapter=push_adapter, stages=push_stages)
    from ..staged.preflight import require_recipe

    check = partial(require_recipe, recipe, recipe.dataset, folder)
    given: dict[str, object] = {
        "config": path,
        "data": data,
        "out": folder,
        "set": settings,
        "push": push,
    }
    given |= {"push_adapter": push_adapter or None, "push_stages": push_stages or None}
    if not launched(Launch(launch, processes), "staged_dpo.py", given, check):
        is_first = _train(recipe, recipe.dataset, folder)
        if push and is_first:
            from ..staged.pushing import push as upload

            echo(f"pushed: {upload(folder, push, adapter=push_adapter, stages=push_stages)}")


def _require_able(recipe: Recipe, push: str | None, *, adapter: bool, stages: bool) -> None:
    """Refuse what cannot be done with the packages that are here, or with this recipe.

    Raises:
        UserError: names the package or the option.
    """
    check_packages()
    for name in recipe.report_to:
        if not is_installed(name):
            raise UserError(f"report_to: {name} is not installed; pip install {name}")
    if (adapter or stages) and push is None:
        raise UserError("--push-adapter and --push-stages are of --push ORG/NAME")
    if adapter and recipe.lora is None:
        raise UserError("--push-adapter: the recipe trains all weights (no lora)")


def _recipe(path: Path, settings: list[str], data: str | None) -> Recipe:
    from msgspec.structs import replace

    from ..staged import parse_settings, read_recipe

    recipe = read_recipe(path, parse_settings(settings))
    return recipe if data is None else replace(recipe, dataset=data)


def _train(recipe: Recipe, dataset: str, out: Path) -> bool:
    """Train what is not trained yet, print the matrix; return whether this process is the first."""
    from ..staged.report import matrix
    from ..staged.run import StagedRun

    started = time.monotonic()
    run = StagedRun(recipe, dataset, out)
    record = run.train_and_save()
    if not run.state.is_main_process:
        return False
    echo(matrix(record))
    echo(f"policy: {out} ({time.monotonic() - started:.0f} s)")
    return True
