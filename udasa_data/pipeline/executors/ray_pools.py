"""How many Ray actors sample and score, and what each of them holds of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from udasa_data.errors import UserError

SCORER_GPUS: Final = 0.25


class Pools(NamedTuple):
    """How many actors there are of each kind, and what each of them holds."""

    samplers: int
    gpus: float
    scorers: int
    scorer_gpus: float


def size_pools(
    cluster: Mapping[str, float], workers: int | None, gpus_per_worker: float | None
) -> Pools:
    """Return pools that the cluster has room for.

    Args:
        cluster: its resources: how many ``CPU`` and ``GPU`` it has.
        workers: sampling actors, as asked for.
        gpus_per_worker: as asked for.

    Raises:
        UserError: it has no room for them.
    """
    cpus, gpus = cluster.get("CPU", 0.0), cluster.get("GPU", 0.0)
    each = gpus_per_worker if gpus_per_worker is not None else float(gpus > 0)
    scorer_gpus = SCORER_GPUS if each else 0.0

    def pools_of(samplers: int) -> Pools:
        return Pools(samplers, each, scorers_for(samplers, 4 if each else 2), scorer_gpus)

    def fits(pools: Pools) -> bool:
        gpus_needed = pools.samplers * pools.gpus + pools.scorers * pools.scorer_gpus
        return pools.samplers + pools.scorers <= cpus and gpus_needed <= gpus

    if workers is not None:
        pools = pools_of(workers)
    else:
        pools = pools_of(max((n for n in range(1, int(cpus) + 1) if fits(pools_of(n))), default=1))
    if not fits(pools):
        raise UserError(
            f"the cluster has {cpus:g} CPUs and {gpus:g} GPUs: no room for {pools.samplers} "
            f"sampling workers (1 CPU, {each:g} GPU each) and {pools.scorers} scoring workers "
            f"(1 CPU, {scorer_gpus:g} GPU each); lower --workers or --gpus-per-worker"
        )
    return pools


def scorers_for(samplers: int, samplers_each: int) -> int:
    """Return how many scoring actors there are, one for each ``samplers_each`` sampling actors."""
    return -(-samplers // samplers_each)
