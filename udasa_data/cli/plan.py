"""``udasa-data plan``: what a build will take, from a measured pilot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from udasa_data.pipeline import Interval, Plan


def plan(
    model: Annotated[
        str | None, typer.Option(help="Preset, Hub id or local folder, as for build. [tiny]")
    ] = None,
    prompts: Annotated[
        list[str] | None, typer.Option(help="As for build. May be given again.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="As for build.")] = None,
    samples: Annotated[int | None, typer.Option(min=3, max=1024, help="As for build.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="As for build.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file, as for build.", dir_okay=False)
    ] = None,
    pilot: Annotated[int, typer.Option(min=4, help="How many prompts are tried.")] = 16,
    price_hour: Annotated[
        float | None, typer.Option(min=0, help="Of an hour of this machine.")
    ] = None,
    price_input: Annotated[
        float | None, typer.Option(min=0, help="Of a million tokens read by the model.")
    ] = None,
    price_output: Annotated[
        float | None, typer.Option(min=0, help="Of a million tokens written by it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Try a few prompts, and tell what the build would take: tokens, time, disk, memory, money."""
    from udasa_data.config import resolve
    from udasa_data.pipeline import Prices
    from udasa_data.pipeline import plan as make_plan
    from udasa_data.terminal import Bars

    if model is None and config is None:
        model = "tiny"
    sampling = {"samples": samples, "max_tokens": max_tokens}
    flags: dict[str, object] = {
        name: value for name, value in (("prompts", prompts), ("limit", limit)) if value is not None
    }
    if said := {name: value for name, value in sampling.items() if value is not None}:
        flags["sampling"] = said
    resolved = resolve(model, flags, file=config)
    with Bars() as bars:
        made = make_plan(resolved, pilot, Prices(price_hour, price_input, price_output), bars)
    if as_json:
        import msgspec

        typer.echo(json.dumps(msgspec.to_builtins(made)))
        return
    _show(made)


def _show(made: Plan) -> None:
    rows = [
        ("output tokens", _count(made.output_tokens)),
        ("input tokens", _count(made.input_tokens)),
        *((f"time: {step}", _time(seconds)) for step, seconds in made.seconds.items()),
        ("disk", _bytes(made.disk)),
    ]
    if made.gpu:
        weights, cache, seen = made.gpu
        told = f"{weights:.3g} GB weights + up to {cache:.3g} GB cache (bfloat16, computed)"
        rows.append(("GPU memory", f"{told}; {seen:.3g} GB seen" if seen else told))
    if made.money:
        rows.append(("money", "{:,.2f} ({:,.2f} to {:,.2f})".format(*made.money)))
    typer.echo(f"{made.prompts:,} prompts; {made.pilot} tried in {made.pilot_seconds:.0f} s")
    for name, told in rows:
        typer.echo(f"{name:15} {told}")
    for note in made.notes:
        typer.echo(f"note: {note}")


def _count(amount: Interval) -> str:
    return "{:,.0f} ({:,.0f} to {:,.0f})".format(*amount)


def _time(seconds: Interval) -> str:
    large = seconds.value >= 7200
    unit, size = ("h", 3600) if large else ("s", 1)
    return "{:,.1f} {u} ({:,.1f} to {:,.1f})".format(*(one / size for one in seconds), u=unit)


def _bytes(amount: Interval) -> str:
    unit, size = ("GB", 1e9) if amount.value >= 1e9 else ("MB", 1e6)
    return "{:,.1f} {u} ({:,.1f} to {:,.1f})".format(*(one / size for one in amount), u=unit)
