"""`udasa-eval plan`: what an evaluation will take, before its first token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from udasa_data.terminal import echo, print_json, print_table
from udasa_eval.cli.options import (
    Axes,
    Baseline,
    ConfigFile,
    DataDir,
    EngineOption,
    Json,
    Judges,
    Limit,
    Model,
    Reference,
    Seed,
    Suite,
    Tasks,
    Thoughts,
    run_options,
)

if TYPE_CHECKING:
    from udasa_data.preflight import Interval
    from udasa_eval.running import Projection

_PILOT = 8
Pilot = Annotated[
    int | None,
    typer.Option(min=0, help="Prompts of each task that are tried; 0 loads no model. [8]"),
]
Rate = Annotated[
    float | None,
    typer.Option(min=1e-9, help="Tokens a second that the model writes; nothing is tried then."),
]
PriceHour = Annotated[float | None, typer.Option(min=0, help="Price of an hour of this machine.")]
PriceInput = Annotated[
    float | None, typer.Option(min=0, help="Price of a million tokens read by the model.")
]
PriceOutput = Annotated[
    float | None, typer.Option(min=0, help="Price of a million tokens written by it.")
]


def plan(
    model: Model,
    suite: Suite = "quick",
    axes: Axes = None,
    tasks: Tasks = None,
    limit: Limit = None,
    thoughts: Thoughts = 0,
    data_dir: DataDir = None,
    judges: Judges = None,
    baseline: Baseline = None,
    reference: Reference = None,
    engine: EngineOption = "auto",
    config: ConfigFile = None,
    seed: Seed = 0,
    pilot: Pilot = None,
    rate: Rate = None,
    price_hour: PriceHour = None,
    price_input: PriceInput = None,
    price_output: PriceOutput = None,
    as_json: Json = False,
) -> None:
    """Say what a run will take, from a few prompts that it tries.

    Tokens, calls of judges, time and money, each with an interval.
    """
    from udasa_data.preflight import Prices
    from udasa_data.terminal import Bars
    from udasa_eval.running import plan as project

    tried = _tried(pilot, rate)
    options = run_options(
        model=model,
        suite=suite,
        axes=axes,
        tasks=tasks,
        limit=limit,
        thoughts=thoughts,
        engine=engine,
        config=config,
        judges=judges,
        baseline=baseline,
        reference=reference,
        data_dir=data_dir,
        seed=seed,
    )
    prices = Prices(price_hour, price_input, price_output)
    with Bars("documents") as bars:
        found = project(options, tried, rate, prices, bars)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _tried(pilot: int | None, rate: float | None) -> int:
    """Return how many prompts of a task are tried: 0 where their rate is given."""
    from udasa_data.errors import UserError

    if pilot == 1:
        raise UserError("--pilot 1: one prompt shows no spread; give 2 or more, or 0")
    if rate is not None and pilot:
        raise UserError("--rate is for where nothing is tried; leave it or --pilot out")
    if pilot is not None:
        return pilot
    return 0 if rate is not None else _PILOT


def _show(found: Projection) -> None:
    if found.pilot:
        echo(f"up to {found.pilot} prompts of each task tried in {found.pilot_seconds:.0f} s")
    rows = [
        (
            need.task.removeprefix("udasa_"),
            f"{need.prompts:,}",
            f"{need.answers:,}" if need.answers else "",
            _count(need.input_tokens),
            _count(need.output_tokens) if need.answers else "",
            "" if need.seconds is None else _time(need.seconds),
        )
        for need in found.tasks
    ]
    header = ("task", "prompts", "answers", "tokens read", "tokens written", "time")
    print_table(header, rows, range(1, len(header)))
    print_table(
        ("role", "judge", "calls", "tokens read", "tokens written", "money"), _judges(found)
    )
    read, written = (sum(getattr(t, name).value for t in found.tasks) for name in _TOKENS)
    echo(f"tokens     {read:,.0f} read, {written:,.0f} written by the model")
    echo(f"calls      {sum(need.calls for need in found.judges):,} of judges")
    for role, seconds in found.judging.items():
        echo(f"time       {_time(seconds)}, judging {role}")
    if found.seconds:
        echo(f"time       {_time(found.seconds)}, of all")
    if found.money:
        echo("money      {:,.2f} ({:,.2f} to {:,.2f})".format(*found.money))
    for note in found.notes:
        echo(f"note: {note}")


_TOKENS = ("input_tokens", "output_tokens")


def _judges(found: Projection) -> list[tuple[str, ...]]:
    return [
        (
            need.role,
            need.id,
            f"{need.calls:,}",
            "" if need.input_tokens is None else _count(need.input_tokens),
            "" if need.output_tokens is None else _count(need.output_tokens),
            "" if need.money is None else f"{need.money.value:,.2f}",
        )
        for need in found.judges
    ]


def _count(amount: Interval) -> str:
    if amount.low == amount.high:
        return f"{amount.value:,.0f}"
    return "{:,.0f} ({:,.0f} to {:,.0f})".format(*amount)


def _time(seconds: Interval) -> str:
    unit, size = ("h", 3600) if seconds.value >= 7200 else ("s", 1)
    return "{:,.1f} {u} ({:,.1f} to {:,.1f})".format(*(part / size for part in seconds), u=unit)
