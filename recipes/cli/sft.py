"""`udasa-train sft`: supervised fine-tuning of a base model."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from udasa_data.terminal import echo

from .launching import Launch, launched
from .options import (
    ConfigOption,
    DryRunOption,
    LaunchOption,
    OutOption,
    ProcessesOption,
    needed,
)
from .running import check_packages


def sft(
    model: Annotated[str | None, typer.Option(help="Hub id or local folder.")] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A .jsonl or .parquet file, one conversation a row: messages, a list of "
            "{role, content} that ends with the assistant's. Its last answer alone is learnt.",
        ),
    ] = None,
    out: OutOption = None,
    config: ConfigOption = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the data. [1]")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps, in place of epochs.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the optimizer. [2e-5]")] = None,
    device_batch: Annotated[
        int | None, typer.Option(help="Conversations a device reads at a time. [4]")
    ] = None,
    accumulate: Annotated[
        int | None, typer.Option(help="Such batches an optimizer step. [8]")
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(help="Tokens of a conversation at most. [1024]")
    ] = None,
    save_every: Annotated[int | None, typer.Option(help="Steps between checkpoints. [100]")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the data's order. [0]")] = None,
    launch: LaunchOption = None,
    processes: ProcessesOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Fine-tune a base model on conversations. Killed? The same command resumes."""
    from ..staged import to_yaml
    from ..supervised import read_tuning

    flags = _said(
        model=model, data=data, epochs=epochs, steps=steps, learning_rate=learning_rate,
        device_batch=device_batch, accumulate=accumulate, max_length=max_length,
        save_every=save_every, seed=seed,
    )  # fmt: skip
    tuning = read_tuning(config, flags)
    if dry_run:
        echo(to_yaml(tuning), end="")
        return
    folder = needed(out, "--out", "the folder of the trained policy")
    check_packages()
    from ..supervised.preflight import require_tuning

    check = partial(require_tuning, tuning, folder)
    given = {"config": config, **flags, "out": folder}
    if launched(Launch(launch, processes), "sft.py", given, check):
        return
    from ..supervised.tuning import fine_tune

    fine_tune(tuning, folder)


def _said(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}
