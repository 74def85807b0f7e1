"""``stages.json``: what every stage began from, was held to, was trained on and came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.runs import checked, differing, sealed
from udasa_data.storage import parse_json, write_text

from .folders import LEDGER
from .guards import Tokenised
from .measures import StageMeasures

SCHEMA_VERSION: Final = 2


class PolicyRecord(msgspec.Struct, frozen=True):
    """The model that the run began with (the SFT policy)."""

    id: str
    revision: str | None
    fingerprint: str
    weights_sha256: str


class DatasetRecord(msgspec.Struct, frozen=True):
    """Where a stage's rows come from; ``revision`` is a Hub commit, None for a folder."""

    repo: str
    revision: str | None
    fingerprint: str


class ReferenceRecord(msgspec.Struct, frozen=True):
    """What a stage was held to: as configured, and the hash of the weights in use."""

    wanted: str
    sha256: str


class StageRecord(msgspec.Struct, frozen=True):
    """One stage. ``policy_sha256`` and ``measures`` are None until it is finished."""

    name: str
    number: int
    parent_sha256: str
    reference: ReferenceRecord
    dataset: DatasetRecord
    chat_template_sha256: str | None
    config: dict[str, Any]
    counts: Tokenised
    replayed: int  # rows of earlier stages among those trained on
    trained_rows: int
    first_step: dict[str, float] = {}  # loss and rewards before the first update
    steps: int = 0
    seconds: float = 0.0
    stopped_early: bool = False
    policy_sha256: str | None = None  # of the weights as they are served
    master_sha256: str | None = None  # as they were trained, where those have more bits
    adapter_sha256: str | None = None
    files: dict[str, str] = {}  # of its policy: path in the stage's folder → hash
    measures: StageMeasures | None = None

    @property
    def finished(self) -> bool:
        """Whether the stage is trained and measured."""
        return self.measures is not None


class Before(msgspec.Struct, frozen=True):
    """An earlier run, which made the policy that this one began with."""

    policy: PolicyRecord
    stages: list[StageRecord]


class Record(msgspec.Struct):
    """The whole file."""

    inputs: dict[str, Any]  # all that decides the run, by the name a user knows it by
    policy: PolicyRecord
    chat_template_sha256: str | None
    training_data: list[dict[str, Any]]
    config: dict[str, Any]
    versions: dict[str, str]
    notes: list[str] = []
    start: StageMeasures | None = None
    before: list[Before] = []  # the runs that the policy came from, the first of them first
    stages: list[StageRecord] = []
    aborted: str | None = None
    finished: bool = False
    served: str = "float32"  # type of the saved weights
    files: dict[str, str] = {}  # of the final policy: name → sha256
    schema_version: int = SCHEMA_VERSION


class Ledger:
    """The record of a run, on disk after every change."""

    def __init__(self, out: Path) -> None:
        self.path = out / LEDGER
        self.record: Record | None = read(self.path) if self.path.is_file() else None

    def open(self, fresh: Record, *, write: bool = True) -> Record:
        """Resume the record that is there, or begin one.

        Raises:
            UserError: the folder holds a run of other inputs.
        """
        if self.record is None:
            self.record = fresh
        elif differences := differing(self.record.inputs, fresh.inputs):
            raise UserError(
                f"{self.path.parent} holds a run that differs in: {'; '.join(differences)}. "
                "Give another --out, or delete that directory"
            )
        if write:
            self.save()
        return self.record

    def put(self, stage: StageRecord, *, write: bool = True) -> None:
        """Record a stage, in place of what was recorded of it."""
        assert self.record is not None
        others = [known for known in self.record.stages if known.number != stage.number]
        self.record.stages = sorted([*others, stage], key=lambda known: known.number)
        if write:
            self.save()

    def stage(self, number: int) -> StageRecord | None:
        """Return what is recorded of a stage."""
        assert self.record is not None
        return next((stage for stage in self.record.stages if stage.number == number), None)

    def save(self) -> None:
        """Write the file, whole or not at all."""
        assert self.record is not None
        write_text(self.path, to_json(self.record).decode())


def to_json(record: Record) -> bytes:
    """Return a record as its file has it."""
    plain = sealed(msgspec.to_builtins(record))
    return (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode()


def read(path: Path) -> Record:
    """Read a stages.json.

    Raises:
        UserError: damaged, or of another version.
    """
    try:
        return msgspec.convert(checked(parse_json(read_bytes(path))), Record)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not the record of a staged run ({error})") from error
