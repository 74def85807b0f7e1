"""The flags of ``build`` that say where it runs: on Ray, or as one rank of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from udasa_data.terminal import echo, print_json

if TYPE_CHECKING:
    from udasa_data.pipeline import Executor

ExecutorOption = Annotated[
    Literal["local", "ray"], typer.Option(help="Where samples and scores are made.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        help="Address of a running Ray cluster: auto, or HOST:PORT. [Ray on this machine]"
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Ray workers that sample, one engine each.")
]
GpusOption = Annotated[
    float | None, typer.Option(min=0, help="GPUs of each of them. [1 where the cluster has GPUs]")
]
RankOption = Annotated[
    int | None,
    typer.Option(min=0, help="Make only this slice of the shards, from 0; with --world-size."),
]
WorldSizeOption = Annotated[int | None, typer.Option(min=1, help="How many slices there are.")]


def check(
    executor: str,
    address: str | None,
    workers: int | None,
    gpus_per_worker: float | None,
    rank: int | None,
    world_size: int | None,
) -> Executor | None:
    """Return the executor that the flags ask for; None is the local one.

    Raises:
        UserError: flags that do not go together, or Ray is not installed.
    """
    from udasa_data.errors import UserError

    if (rank is None) != (world_size is None):
        flag, missing = (
            ("--rank", "--world-size") if world_size is None else ("--world-size", "--rank")
        )
        raise UserError(
            f"{flag} needs {missing}: which slice of how many, as --rank 0 --world-size 4"
        )
    if rank is not None and world_size is not None and rank >= world_size:
        raise UserError(
            f"--rank {rank} --world-size {world_size}: ranks count from 0 to {world_size - 1}"
        )
    if rank is not None and executor == "ray":
        raise UserError("--rank and --executor ray exclude each other: Ray distributes the shards")
    if executor == "local":
        flags = {"--address": address, "--workers": workers, "--gpus-per-worker": gpus_per_worker}
        if set_flags := [flag for flag, value in flags.items() if value is not None]:
            raise UserError(f"{', '.join(set_flags)}: only with --executor ray")
        return None
    from udasa_data.pipeline import RayExecutor

    return RayExecutor(address=address, workers=workers, gpus_per_worker=gpus_per_worker)


def run_slice(config: Any, out: str, rank: int, world_size: int, *, as_json: bool) -> None:
    """Make one slice of a build and print what is there now."""
    from udasa_data.pipeline import build_slice
    from udasa_data.terminal import Bars

    with Bars() as bars:
        done = build_slice(config, out, rank, world_size, bars)
    if as_json:
        facts = {"rank": done.rank, "world_size": done.world_size}
        shards = {"shards": done.shards, "all_shards": done.all_shards}
        print_json({"out": str(done.out), **facts, **shards})
        return
    echo(f"rank {done.rank} of {done.world_size}: {done.shards} of {done.all_shards} shards")
    echo("when all ranks have ended, the same command without --rank pairs and stages")
