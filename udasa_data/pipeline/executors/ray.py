"""The Ray executor: a pool of sampling actors, one engine each, and a pool of scoring actors.

Shards stream through Ray Data: prompts → sampling pool → scoring pool. Each actor writes its shard
to the run directory before it hands it on, so that what was finished is never made again. Ray Data
holds the sampling pool back when samples that wait for a scorer fill half of its share of the
object store (its own back-pressure). An actor that dies is started again, and its shard is given
out again, up to four times.
"""

from __future__ import annotations

import io
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import polars as pl

from udasa_data.config import Precision
from udasa_data.errors import UserError, first_line, install_line
from udasa_data.pipeline.executors.ray_pools import scorers_for, size_pools
from udasa_data.pipeline.executors.work import SampleMaker, ScoreMaker, Work, work_of
from udasa_data.pipeline.preparation import Prepared
from udasa_data.progress import Progress
from udasa_data.runs import DamagedShardError, Shards

# Ray Data starts a dead actor again and gives out its shard again, without end; a shard that kills
# every actor (out of memory, say) must end the job at last.
ATTEMPTS: Final = 4
Row = dict[str, Any]


class RayExecutor:
    """Makes shards on a Ray cluster, or with Ray on this machine.

    Args:
        address: of a running cluster (``auto``, ``HOST:PORT``, ``ray://…``); None starts Ray on
            this machine and stops it at the end. A Ray that this process is connected to is used.
        workers: sampling actors, with one scoring actor for each four of them (for each two on
            CPUs); None takes what the cluster has room for.
        gpus_per_worker: GPUs of a sampling actor, which may be a fraction; None is 1 where the
            cluster has GPUs. A scoring actor then has a quarter of one.

    Raises:
        UserError: Ray is not installed.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        gpus_per_worker: float | None = None,
    ) -> None:
        try:
            import ray.data  # noqa: F401 (found out now, before anything is made)
        except ImportError as error:
            raise UserError(
                f"--executor ray needs Ray, which is not installed: {install_line('ray')}"
            ) from error
        self._address = address
        self._workers = workers
        self._gpus_per_worker = gpus_per_worker

    def make_shards(self, prepared: Prepared, progress: Progress) -> None:
        """See :class:`~udasa_data.pipeline.executors.Executor`; a shard counts once scored."""
        server = prepared.config.server
        if server is not None and server.max_cost is not None:
            raise UserError(
                "--max-cost bounds one process, and Ray's actors do not know what the others "
                "spend; leave it out, or build with --executor local"
            )
        missing = {step: shards.missing() for step, shards in prepared.shards.items()}
        todo = sorted({*missing["samples"], *missing["scores"]})
        sizes = {number: len(prepared.shard_of_prompts(number)) for number in todo}
        total = len(prepared.loaded.prompts)
        progress.start("shards", total, total - sum(sizes.values()))
        if todo:
            with self._connected():
                self._run(prepared, todo, sizes, progress)
        progress.finish()

    def _run(
        self, prepared: Prepared, todo: list[int], sizes: Mapping[int, int], progress: Progress
    ) -> None:
        import ray
        from ray.data import ActorPoolStrategy, DataContext

        pools = size_pools(ray.cluster_resources(), self._workers, self._gpus_per_worker)
        work = work_of(prepared, lambda wanted: _precision_there(wanted, pools.scorer_gpus))
        context = DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.raise_original_map_exception = True
        rows = [{"number": n, "prompts": _packed(prepared.shard_of_prompts(n))} for n in todo]
        stages: tuple[tuple[Any, int, float], ...] = (
            (SamplingActor, pools.samplers, pools.gpus),
            (ScoringActor, pools.scorers, pools.scorer_gpus),
        )
        attempts = ray.remote(num_cpus=0)(Attempts).remote()
        shards = ray.data.from_items(rows, override_num_blocks=len(rows))
        for actor, size, gpus in stages:
            # one task at an actor: with it dies no other shard than the one it is at
            pool = ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1)
            shards = shards.map(
                actor,
                fn_constructor_args=(work, attempts),
                compute=pool,
                num_cpus=1,
                num_gpus=gpus or None,
            )
        for row in shards.iter_rows():
            progress.advance(sizes[row["number"]], row["tokens"])

    @contextmanager
    def _connected(self) -> Iterator[None]:
        import ray

        if ray.is_initialized():
            with _users_errors():
                yield
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a build reports to nobody
        for name in ("ray", "ray.data"):  # its log is in its files; the screen is the bar's
            logging.getLogger(name).setLevel(logging.ERROR)
        options: Row = {"address": self._address or "local", "logging_level": "ERROR"}
        if self._address is None:  # CPUs are a share-out, not a limit: every actor gets its own
            workers = self._workers or max(1, (os.cpu_count() or 1) // 2)
            options["num_cpus"] = max(os.cpu_count() or 1, workers + scorers_for(workers, 2))
            options["include_dashboard"] = False
            os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        try:
            ray.init(**options, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = first_line(error)
            raise UserError(f"no Ray cluster at '{options['address']}' ({reason})") from error
        try:
            with _users_errors():
                yield
        finally:
            ray.shutdown()


class Attempts:
    """Counts how often each shard was begun; an actor of its own, which outlives the others."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, shard: str) -> int:
        """Return how often it was begun, this time included."""
        self._begun[shard] += 1
        return self._begun[shard]


class SamplingActor:
    """Samples the shards it is given; those that are there already it only reads."""

    def __init__(self, work: Work, attempts: Any) -> None:
        self._maker: SampleMaker | None = None
        self._work = work
        self._attempts = attempts

    def __call__(self, row: Row) -> Row:
        """Return the row with its samples."""
        shards = self._work.shards("samples")
        number = int(row["number"])
        samples = None if number in shards.missing() else _whole(shards, number)
        if samples is None:
            _begin(self._attempts, "samples", number)
            # the engine is not loaded where only scores are missing
            self._maker = self._maker or SampleMaker(self._work)
            shard = (number, _unpacked(row["prompts"]))
            ((_, samples),) = self._maker.make([shard], lambda _prompts: None)
        return {**row, "samples": _packed(samples)}


def _whole(shards: Shards, number: int) -> pl.DataFrame | None:
    """Return a shard that is there; None where it is damaged, and has to be made again."""
    try:
        return shards.read(number)
    except DamagedShardError:
        return None


class ScoringActor:
    """Scores the shards it is given."""

    def __init__(self, work: Work, attempts: Any) -> None:
        self._maker = ScoreMaker(work)
        self._attempts = attempts

    def __call__(self, row: Row) -> Row:
        """Return what the progress bar shows."""
        number = int(row["number"])
        _begin(self._attempts, "scores", number)
        prompts, samples = _unpacked(row["prompts"]), _unpacked(row["samples"])
        self._maker.make(number, prompts, samples, lambda _share: None)
        return {"number": number, "tokens": int(samples["n_tokens"].sum())}


def _begin(attempts: Any, step: str, number: int) -> None:
    import ray

    if ray.get(attempts.begin.remote(f"{step}/{number}")) > ATTEMPTS:
        raise UserError(
            f"shard {number} of {step} ended its worker {ATTEMPTS} times; if it ran out of memory, "
            "set a smaller batch_tokens in --config. Finished shards are kept"
        )


def _precision_there(wanted: Precision, gpus: float) -> Precision:
    """Return what ``auto`` is on a machine of the cluster that scores."""
    import ray

    if wanted != "auto":
        return wanted
    resolve = ray.remote(_resolve_precision)
    resolved: Precision = ray.get(resolve.options(num_cpus=1, num_gpus=gpus or None).remote())
    return resolved


def _resolve_precision() -> Precision:
    from udasa_data.scorers.models import resolve_precision

    return resolve_precision("auto")


def _packed(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_ipc(buffer)
    return buffer.getvalue()


def _unpacked(packed: bytes) -> pl.DataFrame:
    return pl.read_ipc(io.BytesIO(packed))


@contextmanager
def _users_errors() -> Iterator[None]:
    """Turn what an actor raised into the user's error that it was, or one line about it."""
    import ray.exceptions

    try:
        yield
    except ray.exceptions.RayError as error:
        cause: BaseException = error
        while isinstance(inner := getattr(cause, "cause", None) or cause.__cause__, BaseException):
            cause = inner
            if isinstance(cause, UserError):
                break
        reason = first_line(cause)  # Ray adds advice of its own below
        if isinstance(cause, UserError):
            raise UserError(reason) from error
        raise UserError(
            f"the Ray job ended ({type(cause).__name__}: {reason}); finished shards are kept, the "
            "same command resumes from there"
        ) from error
