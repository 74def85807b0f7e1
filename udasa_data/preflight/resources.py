"""Memory and disk: what models and runs take, against what this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.preflight.models import ModelFound
from udasa_data.preflight.report import Item

GB: Final = 1e9
_SHOWN: Final = 2  # of the models that are in memory one after the other
_ELSEWHERE: Final = {
    "download": "free some, or set HF_HOME to a folder on another disk",
    "run": "free some, or give another --out",
}
_BFLOAT16: Final = {"avx512_bf16", "amx_bf16", "bf16"}  # as processors' flags


class Room(NamedTuple):
    """Memory that models can be loaded into.

    Attributes:
        what: RAM or GPU.
        bytes: of RAM, what is available; of the smallest visible GPU, all.
    """

    what: str
    bytes: int

    @property
    def is_gpu(self) -> bool:
        """Whether it is that of a GPU."""
        return self.what == "GPU"


class Demand(NamedTuple):
    """Models that are in memory at the same time, the bytes of their weights, and where."""

    what: str
    bytes: int
    room: Room


def memory_here() -> Room:
    """Return the memory that models are loaded into on this machine; torch is not imported."""
    gpus = _gpus()
    return Room("GPU", min(gpus)) if gpus else Room("RAM", _ram())


def width_of_scorers(precision: str, room: Room) -> int:
    """Return how many bytes a number of a scorer takes: as ``resolve_precision`` decides."""
    if precision != "auto":
        return 4 if precision == "float32" else 2
    return 2 if room.is_gpu or _multiplies_bfloat16() else 4


def loaded_bytes(models: Iterable[ModelFound], width: int | None) -> int:
    """Return the bytes of weights in memory, each model once.

    Args:
        models: as they were found.
        width: bytes a number; None as they are stored.
    """
    distinct = {(found.item.id, found.item.revision): found for found in models}
    return sum(
        found.parameters * width if width and found.parameters else found.item.bytes or 0
        for found in distinct.values()
    )


def memory_items(demands: Iterable[Demand], way_out: str) -> list[Item]:
    """Return the line of the memory, with a fault for each demand above its room.

    Args:
        demands: which follow each other; none of no bytes counts.
        way_out: what to do where there is too little.
    """
    wanted = [demand for demand in demands if demand.bytes]
    faults = [
        f"memory: {demand.what} would take {size(demand.bytes)} of {demand.room.what}, and "
        f"{size(demand.room.bytes)} is {'there' if demand.room.is_gpu else 'free'}: {way_out}"
        for demand in wanted
        if demand.bytes > demand.room.bytes
    ]
    if not wanted:
        return []
    room = wanted[0].room
    largest = sorted(wanted, key=lambda demand: -demand.bytes)[:_SHOWN]
    return [
        Item(
            what="memory",
            id=f"{size(room.bytes)} of {room.what} {'there' if room.is_gpu else 'free'}",
            detail=", ".join(f"{demand.what} {size(demand.bytes)}" for demand in largest),
            faults=tuple(faults),
        )
    ]


def disk_items(download: int, cache: Path, run: int | None, out: Path | None) -> list[Item]:
    """Return the lines of the disk; a fault where a place has less than is to be put there.

    Args:
        download: bytes that come from the Hub.
        cache: where they are kept.
        run: bytes of the run, at most; None where that is not known.
        out: its directory; None where it is not of this machine.
    """
    items: list[Item] = []
    before: dict[int, int] = {}
    for what, wanted, place in (("download", download, cache), ("run", run, out)):
        if place is None or not wanted:
            continue
        there = _existing(place)
        device = there.stat().st_dev
        before[device] = before.get(device, 0) + wanted  # both may be on one disk
        free = shutil.disk_usage(there).free
        fault = (
            f"disk: {what} needs {size(before[device])}, and {size(free)} is free in {there}; "
            f"{_ELSEWHERE[what]}"
        )
        items.append(
            Item(
                what=f"disk, {what}",
                id=str(place),
                bytes=wanted,
                detail=f"{size(free)} free",
                faults=(fault,) if before[device] > free else (),
            )
        )
    return items


def size(n_bytes: float) -> str:
    """Return bytes in words: 14.5 GB (10⁹ bytes)."""
    if n_bytes >= GB:
        return f"{n_bytes / GB:,.1f} GB"
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e5 else f"{n_bytes:,.0f} B"


def _existing(place: Path) -> Path:
    """Return a place, or the nearest folder above it that is there."""
    absolute = place.expanduser().absolute()
    return next(path for path in (absolute, *absolute.parents) if path.is_dir())


def _gpus() -> list[int]:
    """Return the memory of each visible GPU in bytes; none where torch could not use one."""
    with suppress(PackageNotFoundError):
        if "+cpu" in version("torch"):
            return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible in {"", "-1"} or shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(  # noqa: S603
            query, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    found = [line.split(", ") for line in done.stdout.splitlines() if line.count(", ") == 2]
    names = set(visible.split(",")) if visible else None
    return [
        int(mebibytes) * 2**20
        for index, uuid, mebibytes in found
        if mebibytes.isdigit() and (names is None or names & {index, uuid})
    ]


def _ram() -> int:
    """Return the bytes of RAM and swap that are free, within the bounds of a container."""
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # where nothing else tells
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        told = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}
        free = told["MemAvailable"] + told.get("SwapFree", 0)
    with suppress(OSError, ValueError):  # "max" where there is no bound
        free = min(free, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return free


def _multiplies_bfloat16() -> bool:
    with suppress(OSError):
        return bool(_BFLOAT16 & set(Path("/proc/cpuinfo").read_text(encoding="ascii").split()))
    return False
