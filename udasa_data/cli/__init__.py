"""The command line: thin wrappers that parse, call, and print.

Nothing heavy is imported here or on the way to ``--help``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from udasa_data.cli import plan, restage, scale
from udasa_data.cli.diff import diff
from udasa_data.cli.merge import merge
from udasa_data.cli.push import push as push_command
from udasa_data.cli.push import push_dataset
from udasa_data.cli.report import report
from udasa_data.cli.verify import verify as verify_command
from udasa_data.terminal import run_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (report, diff, merge):
    app.command()(command)

Engine = Literal["auto", "transformers", "vllm", "openai"]
StageName = Literal["conservative", "moderate", "exploratory"]
DEFAULT_MODEL = "tiny"


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 1."""
    run_app(app)


def _version(value: bool) -> None:
    if value:
        from udasa_data import __version__

        typer.echo(f"udasa-data {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Preference data from your own model's answers, staged by uncertainty."""


@app.command()
def build(
    model: Annotated[
        str | None,
        typer.Option(help="Preset (see: udasa-data models), Hub id or local folder. [tiny]"),
    ] = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option(
            help="Preset, Hub id with :config/split#column, or a .jsonl, .json, .csv, .parquet or "
            ".txt file; AXIS= before it names its axis. May be given again."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take so many prompts, evenly from the sources.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=3, max=1024, help="Answers to each prompt.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Sampling temperature; 0 is greedy.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of sampling and drawing.")] = None,
    out: Annotated[
        str | None,
        typer.Option(help="The run directory: a path, s3://… or gs://… [runs/MODEL]"),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file; flags win over it.", dir_okay=False)
    ] = None,
    engine: Annotated[Engine | None, typer.Option(help="What draws the answers.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Of engine openai's server; its key in OPENAI_API_KEY.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Stop before a server has charged more than this.")
    ] = None,
    scorers: Annotated[
        str | None, typer.Option(help="Scorer set of presets.yaml: tiny or hub.")
    ] = None,
    from_: restage.FromOption = None,
    nli: restage.NliOption = None,
    rejected: restage.RejectedOption = None,
    z: restage.NoiseOption = None,
    cutoffs: restage.CutoffsOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the configuration and what is there already.")
    ] = False,
    push: Annotated[
        str | None, typer.Option(metavar="ORG/NAME", help="Then push it (see: udasa-data push).")
    ] = None,
    executor: scale.ExecutorOption = "local",
    address: scale.AddressOption = None,
    workers: scale.WorkersOption = None,
    gpus_per_worker: scale.GpusOption = None,
    rank: scale.RankOption = None,
    world_size: scale.WorldSizeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Build a staged preference dataset. Killed? The same command goes on where it was."""
    from udasa_data.config import resolve

    sampling = _said(samples=samples, temperature=temperature, max_tokens=max_tokens)
    server = _said(base_url=base_url, max_cost=max_cost)
    flags = _said(prompts=prompts, limit=limit, seed=seed, engine=engine)
    flags |= _said(sampling=sampling or None, server=server or None)
    flags |= restage.overrides(nli, rejected, z, cutoffs)
    if from_ is not None:
        named = {"model": model} if model is not None else {}
        said = {**flags, **named}
        origin, resolved, out = restage.start_from(from_, said, scorers, config, out, rank)
    else:
        model = DEFAULT_MODEL if model is None and config is None else model
        origin, resolved = None, resolve(model, flags, scorers=scorers, file=config)
    folder = out or str(Path("runs") / resolved.model.strip("./~").replace("/", "-"))
    workers_asked = scale.check(executor, address, workers, gpus_per_worker, rank, world_size)
    if dry_run:
        _show_preview(resolved, folder, origin, as_json=as_json)
    elif rank is not None and world_size is not None:
        scale.run_slice(resolved, folder, rank, world_size, as_json=as_json)
    else:
        _run_build(resolved, folder, workers_asked, origin, push, as_json=as_json)


app.command()(plan.plan)


@app.command()
def score(
    file: Annotated[
        Path,
        typer.Argument(help="A .parquet, .jsonl or .csv file: prompt_id or prompt, and text."),
    ],
    out: Annotated[Path, typer.Option(help="The .parquet file to write.", dir_okay=False)],
    scorers: Annotated[
        str | None, typer.Option(help="Scorer set of presets.yaml: tiny or hub. [tiny]")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file, as for build.", dir_okay=False)
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="A run's calibration.json, applied without refitting.", dir_okay=False),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Column of 0/1, 1 for a wrong answer: calibrate to P(wrong)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score existing answers, three or more a prompt. Killed? The same command goes on."""
    from udasa_data.cli.tables import score_tables
    from udasa_data.config import resolve
    from udasa_data.scoring import score_file
    from udasa_data.terminal import Bars

    resolved = resolve(None, {}, scorers=scorers, file=config, default=DEFAULT_MODEL)
    with Bars() as bars:
        result = score_file(file, out, resolved, calibration, labels, bars)
    if as_json:
        places = {"out": str(result.out), "calibration": str(result.calibration)}
        _print_json(places, result.reused, result.summary)
        return
    score_tables(result)


@app.command()
def models() -> None:
    """List the model presets."""
    from udasa_data.cli.tables import models_table
    from udasa_data.config import read_presets

    models_table(read_presets())


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="A run directory.")],
    stage: Annotated[StageName | None, typer.Option(help="Only this stage.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many pairs.")] = 3,
) -> None:
    """Show pairs of a run, chosen beside rejected, with their uncertainties."""
    from udasa_data.cli.tables import show_pairs
    from udasa_data.runs import read_pairs

    show_pairs(read_pairs(run, stage, n))


app.command("push")(push_command)
app.command("verify")(verify_command)


def _said(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _show_preview(config: Any, out: str, origin: Any, *, as_json: bool) -> None:
    from udasa_data.config import to_yaml
    from udasa_data.pipeline import preview

    made = preview(config, out, origin)
    if as_json:
        shards = {step: {"done": done, "all": all_} for step, (done, all_) in made.shards.items()}
        facts = {"prompts": made.prompts, "left_out": made.left_out, "shards": shards}
        typer.echo(json.dumps({"out": out, **facts}))
        return
    typer.echo(to_yaml(config))
    typer.echo(f"{made.prompts:,} prompts ({made.left_out:,} rows left out) → {out}")
    for step, (done, all_) in made.shards.items():
        typer.echo(f"{step}: {done} of {all_} shards are there already")


def _run_build(
    config: Any, out: str, executor: Any, origin: Any, repo_id: str | None, *, as_json: bool
) -> None:
    from udasa_data.cli.tables import result_facts, show_result
    from udasa_data.pipeline import build as build_dataset
    from udasa_data.terminal import Bars

    with Bars() as bars:
        result = build_dataset(config, out, bars, executor, origin)
    if repo_id is None or not as_json:
        show_result(result, as_json=as_json)
    if repo_id is not None:
        from udasa_data.publish import Target
        from udasa_data.runs import local_dataset

        push_dataset(
            local_dataset(out), Target(repo_id), [], as_json=as_json, built=result_facts(result)
        )


def _print_json(places: dict[str, str], reused: bool, summary: Any) -> None:
    import msgspec

    typer.echo(json.dumps({**places, "reused": reused, **msgspec.to_builtins(summary)}))
