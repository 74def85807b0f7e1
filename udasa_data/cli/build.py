"""``udasa-data build``: prompts → samples → scores → a staged preference dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from udasa_data.cli import restage, scale
from udasa_data.cli.options import (
    DEFAULT_MODEL,
    BatchTokensOption,
    ConfigOption,
    JsonOption,
    LanguageOption,
    LimitOption,
    MaxTokensOption,
    ModelOption,
    OutOption,
    PromptsOption,
    SamplesOption,
    ScorersOption,
    SystemPromptOption,
    TopPOption,
    given,
)
from udasa_data.cli.push import push_dataset
from udasa_data.terminal import echo, print_json

if TYPE_CHECKING:
    from udasa_data.pipeline import Executor, Start

TemperatureOption = Annotated[
    float | None, typer.Option(help="Of sampling; 0 is greedy. [the preset's]")
]
SeedOption = Annotated[
    int | None,
    typer.Option(min=0, help="Seed of sampling, and of the random choice of prompts. [0]"),
]
EngineOption = Annotated[
    Literal["auto", "transformers", "vllm", "openai"] | None,
    typer.Option(
        help="What samples the answers; auto: vllm where it and a GPU are, else transformers."
    ),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        help="Address of engine openai's server, as http://HOST:8000/v1; its key in OPENAI_API_KEY."
    ),
]
MaxCostOption = Annotated[
    float | None,
    typer.Option(
        help="Stop before a server has charged more than this; its prices stand in --config."
    ),
]
LicenseOption = Annotated[
    str | None,
    typer.Option(
        "--license",
        help="Licence of your own prompts, as the Hub names it (cc-by-4.0); for the card.",
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show the configuration and what is there already.")
]
PushOption = Annotated[
    str | None,
    typer.Option(
        metavar="ORG/NAME", help="When it is built, push it there (see: udasa-data push)."
    ),
]


def build(
    model: ModelOption = None,
    prompts: PromptsOption = None,
    limit: LimitOption = None,
    samples: SamplesOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    max_tokens: MaxTokensOption = None,
    system_prompt: SystemPromptOption = None,
    seed: SeedOption = None,
    out: OutOption = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    batch_tokens: BatchTokensOption = None,
    base_url: BaseUrlOption = None,
    max_cost: MaxCostOption = None,
    scorers: ScorersOption = None,
    language: LanguageOption = None,
    answers: restage.AnswersOption = None,
    from_: restage.FromOption = None,
    nli: restage.NliOption = None,
    rejected: restage.RejectedOption = None,
    z: restage.NoiseOption = None,
    cutoffs: restage.CutoffsOption = None,
    review: restage.ReviewOption = None,
    license_: LicenseOption = None,
    dry_run: DryRunOption = False,
    push: PushOption = None,
    executor: scale.ExecutorOption = "local",
    address: scale.AddressOption = None,
    workers: scale.WorkersOption = None,
    gpus_per_worker: scale.GpusOption = None,
    rank: scale.RankOption = None,
    world_size: scale.WorldSizeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a staged preference dataset. Killed? The same command resumes where it was."""
    sampling = given(samples=samples, temperature=temperature, top_p=top_p, max_tokens=max_tokens)
    server = given(base_url=base_url, max_cost=max_cost)
    flags = given(prompts=prompts, limit=limit, seed=seed, engine=engine)
    flags |= given(batch_tokens=batch_tokens, system_prompt=system_prompt, license=license_)
    flags |= given(review=review)
    flags |= given(sampling=sampling or None, server=server or None)
    flags |= given(scoring=given(language=language) or None)
    flags |= restage.overrides(nli, rejected, z, cutoffs)
    start = _start(model, flags, (scorers, config, out), answers, from_, rank)
    ray = scale.check(executor, address, workers, gpus_per_worker, rank, world_size)
    if dry_run:
        _show_preview(start, as_json=as_json)
    elif rank is not None and world_size is not None:
        scale.run_slice(start.config, start.out, rank, world_size, as_json=as_json)
    else:
        _run(start, ray, push, as_json=as_json)


def _start(
    model: str | None,
    flags: dict[str, Any],
    others: tuple[str | None, Path | None, str | None],
    answers: str | None,
    from_: str | None,
    rank: int | None,
) -> Start:
    """Return what the build starts from; ``others`` are scorers, configuration and place."""
    from udasa_data import pipeline
    from udasa_data.errors import UserError

    if answers is not None:
        named = {"--from": from_, "--rank": rank}
        beside = [option for option, value in named.items() if value is not None]
        pipeline.refuse_beside_answers(flags, *beside)
        return pipeline.start_answered(answers, model, flags, *others)
    if from_ is not None:
        if rank is not None:
            raise UserError("--from and --rank: ranks share out sampling, and --from never samples")
        return pipeline.start_from(from_, {**flags, **given(model=model)}, *others)
    if model is None and others[1] is None:
        model = DEFAULT_MODEL
    return pipeline.start_sampled(model, flags, *others)


def _show_preview(start: Start, *, as_json: bool) -> None:
    from udasa_data.config import to_yaml
    from udasa_data.pipeline import preview

    origin, config, out = start
    seen = preview(config, out, origin)
    n_left_out = sum(reason.rows for reason in seen.left_out)
    if as_json:
        shards = {step: {"done": done, "all": n} for step, (done, n) in seen.shards.items()}
        reasons = [reason._asdict() for reason in seen.left_out]
        facts = {"prompts": seen.prompts, "axes": seen.axes}
        facts |= {"left_out": n_left_out, "reasons": reasons}
        print_json({"out": out, **facts, "notes": seen.notes, "shards": shards})
        return
    echo(to_yaml(config))
    echo(f"{seen.prompts:,} prompts ({n_left_out:,} rows left out) → {out}")
    for axis, n in seen.axes.items():
        echo(f"axis {axis}: {n:,} prompts")
    for line in (*(reason.in_words for reason in seen.left_out), *seen.notes):
        echo(f"note: {line}")
    for step, (done, n) in seen.shards.items():
        echo(f"{step}: {done} of {n} shards are there already")


def _run(start: Start, executor: Executor | None, repo_id: str | None, *, as_json: bool) -> None:
    from udasa_data.cli.tables import result_facts, show_result
    from udasa_data.pipeline import build as build_dataset
    from udasa_data.terminal import Bars

    with Bars() as bars:
        result = build_dataset(start.config, start.out, bars, executor, start.origin)
    if repo_id is None or not as_json or result.summary.no_pairs:
        show_result(result, as_json=as_json)
    if repo_id is not None:
        from udasa_data.publish import Target
        from udasa_data.runs import local_dataset

        push_dataset(
            local_dataset(start.out),
            Target(repo_id),
            [],
            as_json=as_json,
            built=result_facts(result),
        )
