"""What a policy was trained on before this run: the stages of the runs that it came from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.storage import Located, parse_json, read_sealed

from .folders import LEDGER, PROMPTS
from .ledger import Before, Record, read

_STAGE: Final = ("policy", "master")  # folders of a stage's weights
_OURS: Final = frozenset({"inputs", "policy", "stages"})


def came_from(policy: Located) -> list[Before]:
    """Return the runs that made a policy, the first of them first; [] of a policy of none.

    Raises:
        UserError: the record that lies with the policy is damaged.
    """
    path = _beside(policy, LEDGER)
    if path is None or not _is_ours(path):
        return []
    record = read(path)
    stages = record.stages if policy.commit else record.stages[: _stage_of(policy)]
    return [*record.before, Before(record.policy, stages)]


def prompts_before(policy: Located) -> list[pl.DataFrame]:
    """Return the hashes of the prompts that a policy was trained on before: a table, or none.

    Raises:
        UserError: the table that lies with the policy is damaged.
    """
    path = _beside(policy, PROMPTS)
    if path is None:
        return []
    try:
        return [read_sealed(path).select("prompt_id", "text_sha256")]
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"{path}: not a table of training prompts ({error})") from error


def cut_to(record: Record, number: int) -> Record:
    """Return the record of a run as it was after a stage, to lie with that stage's policy."""
    return msgspec.structs.replace(
        record, stages=record.stages[:number], finished=False, files={}, aborted=None
    )


def first_policies(before: Iterable[Before]) -> set[str]:
    """Return the fingerprints of the policies that those runs began with."""
    return {run.policy.fingerprint for run in before}


def _beside(policy: Located, name: str) -> Path | None:
    """Return a file that lies with a policy, or, of a stage's, in the folder of its run."""
    if policy.commit:
        return _of_hub(policy, name)
    folder = Path(policy.load_from).absolute()
    homes = (folder, folder.parents[2]) if _stage_of(policy) else (folder,)
    return next((home / name for home in homes if (home / name).is_file()), None)


def _stage_of(policy: Located) -> int | None:
    """Return which stage of a run a folder is, as in ``OUT/stages/1-conservative/policy``."""
    folder = Path(policy.load_from).absolute()
    number = folder.parent.name.partition("-")[0]
    is_stage = folder.name in _STAGE and folder.parents[1].name == "stages" and number.isdecimal()
    return int(number) if is_stage else None


def _of_hub(policy: Located, name: str) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:  # the error is that of a Hub which cannot be reached, too
        return Path(hf_hub_download(policy.load_from, name, revision=policy.commit))
    except EntryNotFoundError:
        return None


def _is_ours(path: Path) -> bool:
    try:
        return set(parse_json(read_bytes(path))) >= _OURS
    except (OSError, TypeError, ValueError):
        return False
