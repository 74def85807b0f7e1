"""``udasa-data build``: prompts → samples → scores → a staged preference dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from udasa_data.cli import restage, scale
from udasa_data.cli.options import (
    DEFAULT_MODEL,
    ConfigOption,
    JsonOption,
    LimitOption,
    MaxTokensOption,
    ModelOption,
    PromptsOption,
    SamplesOption,
    ScorersOption,
    given,
)
from udasa_data.cli.push import push_dataset
from udasa_data.terminal import echo, print_json

if TYPE_CHECKING:
    from udasa_data.config import BuildConfig
    from udasa_data.pipeline import Executor
    from udasa_data.runs import Origin
    from udasa_data.scoring import GivenAnswers

    Start: TypeAlias = Origin | GivenAnswers | None

TemperatureOption = Annotated[float | None, typer.Option(help="Sampling temperature; 0 is greedy.")]
SeedOption = Annotated[
    int | None, typer.Option(min=0, help="Of sampling, and of the random choice of prompts.")
]
OutOption = Annotated[
    str | None, typer.Option(help="The run directory: a path, s3://… or gs://… [runs/MODEL]")
]
EngineOption = Annotated[
    Literal["auto", "transformers", "vllm", "openai"] | None,
    typer.Option(help="What samples the answers."),
]
BaseUrlOption = Annotated[
    str | None, typer.Option(help="Of engine openai's server; its key in OPENAI_API_KEY.")
]
MaxCostOption = Annotated[
    float | None, typer.Option(help="Stop before a server has charged more than this.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show the configuration and what is there already.")
]
PushOption = Annotated[
    str | None, typer.Option(metavar="ORG/NAME", help="Then push it (see: udasa-data push).")
]


def build(
    model: ModelOption = None,
    prompts: PromptsOption = None,
    limit: LimitOption = None,
    samples: SamplesOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = None,
    seed: SeedOption = None,
    out: OutOption = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    base_url: BaseUrlOption = None,
    max_cost: MaxCostOption = None,
    scorers: ScorersOption = None,
    answers: restage.AnswersOption = None,
    from_: restage.FromOption = None,
    nli: restage.NliOption = None,
    rejected: restage.RejectedOption = None,
    z: restage.NoiseOption = None,
    cutoffs: restage.CutoffsOption = None,
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
    sampling = given(samples=samples, temperature=temperature, max_tokens=max_tokens)
    server = given(base_url=base_url, max_cost=max_cost)
    flags = given(prompts=prompts, limit=limit, seed=seed, engine=engine)
    flags |= given(sampling=sampling or None, server=server or None)
    flags |= restage.overrides(nli, rejected, z, cutoffs)
    origin: Start
    if answers is not None:
        restage.refuse_beside_answers(flags, from_, rank)
        origin, resolved, folder = restage.start_answered(
            answers, model, flags, scorers, config, out
        )
    else:
        origin, resolved, folder = _resolved(model, flags, scorers, config, out, from_, rank)
    ray = scale.check(executor, address, workers, gpus_per_worker, rank, world_size)
    if dry_run:
        _show_preview(resolved, folder, origin, as_json=as_json)
    elif rank is not None and world_size is not None:
        scale.run_slice(resolved, folder, rank, world_size, as_json=as_json)
    else:
        _run(resolved, folder, ray, origin, push, as_json=as_json)


def _resolved(
    model: str | None,
    flags: dict[str, Any],
    scorers: str | None,
    config: Path | None,
    out: str | None,
    from_: str | None,
    rank: int | None,
) -> tuple[Origin | None, BuildConfig, str]:
    """Return what the build starts from, its configuration, and its run directory."""
    from udasa_data.config import resolve

    if from_ is not None:
        overrides = {**flags, **given(model=model)}
        return restage.start_from(from_, overrides, scorers, config, out, rank)
    if model is None and config is None:
        model = DEFAULT_MODEL
    resolved = resolve(model, flags, scorers=scorers, file=config)
    return None, resolved, out or default_folder(resolved.model)


def default_folder(model: str) -> str:
    """Return the directory of a run that was given none."""
    return str(Path("runs") / model.strip("./~").replace("/", "-"))


def _show_preview(config: BuildConfig, out: str, origin: Start, *, as_json: bool) -> None:
    from udasa_data.config import to_yaml
    from udasa_data.pipeline import preview

    seen = preview(config, out, origin)
    n_left_out = sum(reason.rows for reason in seen.left_out)
    if as_json:
        shards = {step: {"done": done, "all": n} for step, (done, n) in seen.shards.items()}
        reasons = [reason._asdict() for reason in seen.left_out]
        facts = {"prompts": seen.prompts, "left_out": n_left_out, "reasons": reasons}
        print_json({"out": out, **facts, "notes": seen.notes, "shards": shards})
        return
    echo(to_yaml(config))
    echo(f"{seen.prompts:,} prompts ({n_left_out:,} rows left out) → {out}")
    for line in (*(reason.in_words for reason in seen.left_out), *seen.notes):
        echo(f"note: {line}")
    for step, (done, n) in seen.shards.items():
        echo(f"{step}: {done} of {n} shards are there already")


def _run(
    config: BuildConfig,
    out: str,
    executor: Executor | None,
    origin: Start,
    repo_id: str | None,
    *,
    as_json: bool,
) -> None:
    from udasa_data.cli.tables import result_facts, show_result
    from udasa_data.pipeline import build as build_dataset
    from udasa_data.terminal import Bars

    with Bars() as bars:
        result = build_dataset(config, out, bars, executor, origin)
    if repo_id is None or not as_json or result.summary.no_pairs:
        show_result(result, as_json=as_json)
    if repo_id is not None:
        from udasa_data.publish import Target
        from udasa_data.runs import local_dataset

        push_dataset(
            local_dataset(out), Target(repo_id), [], as_json=as_json, built=result_facts(result)
        )
