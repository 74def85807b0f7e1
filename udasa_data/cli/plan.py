"""``udasa-data plan``: what a build will take, from a measured pilot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from udasa_data.cli.options import (
    DEFAULT_MODEL,
    BatchTokensOption,
    ConfigOption,
    JsonOption,
    LimitOption,
    MaxTokensOption,
    ModelOption,
    PromptsOption,
    SamplesOption,
    SystemPromptOption,
    TopPOption,
    given,
)
from udasa_data.terminal import echo, print_json

if TYPE_CHECKING:
    from udasa_data.pipeline import Plan
    from udasa_data.preflight import Interval


def plan(
    model: ModelOption = None,
    prompts: PromptsOption = None,
    limit: LimitOption = None,
    samples: SamplesOption = None,
    top_p: TopPOption = None,
    max_tokens: MaxTokensOption = None,
    system_prompt: SystemPromptOption = None,
    batch_tokens: BatchTokensOption = None,
    config: ConfigOption = None,
    pilot: Annotated[int, typer.Option(min=4, help="How many prompts are tried.")] = 16,
    price_hour: Annotated[
        float | None, typer.Option(min=0, help="Price of an hour of this machine.")
    ] = None,
    price_input: Annotated[
        float | None, typer.Option(min=0, help="Price of a million tokens read by the model.")
    ] = None,
    price_output: Annotated[
        float | None, typer.Option(min=0, help="Price of a million tokens written by it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a build will take, from a few prompts that it tries.

    Tokens, time, disk, memory and money, each with an interval.
    """
    from udasa_data.config import resolve
    from udasa_data.pipeline import plan as project
    from udasa_data.preflight import Prices
    from udasa_data.terminal import Bars

    if model is None and config is None:
        model = DEFAULT_MODEL
    sampling = given(samples=samples, top_p=top_p, max_tokens=max_tokens)
    flags = given(prompts=prompts, limit=limit, sampling=sampling or None)
    flags |= given(system_prompt=system_prompt, batch_tokens=batch_tokens)
    prices = Prices(price_hour, price_input, price_output)
    with Bars() as bars:
        plan = project(resolve(model, flags, file=config), pilot, prices, bars)
    if as_json:
        print_json(plan)
    else:
        _show(plan)


def _show(plan: Plan) -> None:
    rows = [
        ("output tokens", _count(plan.output_tokens)),
        ("input tokens", _count(plan.input_tokens)),
        *((f"time: {step}", _time(seconds)) for step, seconds in plan.seconds.items()),
        ("disk", _bytes(plan.disk)),
    ]
    if plan.gpu:
        weights, cache, peak = plan.gpu
        computed = f"{weights:.3g} GB weights + up to {cache:.3g} GB cache (bfloat16, computed)"
        rows.append(("GPU memory", f"{computed}; {peak:.3g} GB measured" if peak else computed))
    if plan.money:
        rows.append(("money", "{:,.2f} ({:,.2f} to {:,.2f})".format(*plan.money)))
    echo(f"{plan.prompts:,} prompts; {plan.pilot} tried in {plan.pilot_seconds:.0f} s")
    for name, amount in rows:
        echo(f"{name:15} {amount}")
    for note in plan.notes:
        echo(f"note: {note}")


def _count(amount: Interval) -> str:
    return "{:,.0f} ({:,.0f} to {:,.0f})".format(*amount)


def _time(seconds: Interval) -> str:
    large = seconds.value >= 7200
    unit, size = ("h", 3600) if large else ("s", 1)
    return "{:,.1f} {u} ({:,.1f} to {:,.1f})".format(*(bound / size for bound in seconds), u=unit)


def _bytes(amount: Interval) -> str:
    unit, size = ("GB", 1e9) if amount.value >= 1e9 else ("MB", 1e6)
    return "{:,.1f} {u} ({:,.1f} to {:,.1f})".format(*(bound / size for bound in amount), u=unit)
